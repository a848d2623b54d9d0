import numpy as np
import pytest

from placeprint.core import registry
from placeprint.errors import NotFittedError, OptionError
from placeprint.presets import load_preset, preset_from, preset_names


def test_a_misspelt_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match="no aggregator called 'vald'; did you mean 'vlad'"):
        registry.create("aggregators", "vald")


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match="no parameter 'num_word'; did you mean 'num_words'"):
        registry.create("aggregators", "vlad", {"num_word": 3})


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(OptionError, match="no kind of component"):
        registry.names("extractor")


def test_state_of_an_unfitted_component_is_refused() -> None:
    with pytest.raises(NotFittedError, match="codebook_"):
        registry.state_of(registry.create("aggregators", "vlad"))


def test_a_state_of_another_component_is_refused() -> None:
    with pytest.raises(OptionError, match="saved by another"):
        registry.restore(registry.create("aggregators", "vlad"), {"mean_": np.zeros(3)})


def test_every_registered_class_can_be_imported_and_made() -> None:
    for kind in registry.COMPONENTS:
        for name in registry.names(kind):
            component = registry.create(kind, name)
            assert registry.create(kind, name, registry.params_of(component)) is not component


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_names_known_components(name: str) -> None:
    from placeprint.describing.describer import Describer

    preset = load_preset(name)
    for stage in ("index", "verifier"):
        getattr(preset, stage).make()
    assert Describer(preset).branches
    assert preset.summary


def test_an_unknown_preset_or_table_is_refused() -> None:
    with pytest.raises(OptionError, match="known: anyloc, "):
        load_preset("xfeat")
    with pytest.raises(OptionError, match="whitening"):
        preset_from({**load_preset("sift-vlad").components, "whitening": {}}, "own")
