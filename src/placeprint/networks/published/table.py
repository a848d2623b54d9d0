"""The table of published networks: facts alone, no Torch.

Where files lie, licenses, sizes and names of tensors are as their authors state them (read in November 2026; no file
was downloaded). To add a network: a row, and its trunk and head where no other has them.
"""

from __future__ import annotations

import dataclasses

from placeprint.core.options import suggest
from placeprint.errors import OptionError
from placeprint.networks.published.families import (
    adapted,
    anyloc,
    anyloc_files,
    boq,
    cirtorch,
    convap,
    hloc_netvlad,
    megaloc,
    mixvpr,
    nanne_netvlad,
    on_drive,
    salad,
    unit_gem,
)
from placeprint.networks.published.rows import Network, PublishedFile
from placeprint.networks.published.specs import (
    BoQHead,
    CricaVPRHead,
    DINOv2Trunk,
    GeMHead,
    ResNetTrunk,
    SALADHead,
    SelaVPRHead,
    VGGTrunk,
)

SMALL = (32, 64, 128, 256, 512)
LARGE = (*SMALL, 1024, 2048)
COSPLACE = {"VGG16": SMALL[1:], "ResNet18": SMALL, "ResNet50": LARGE, "ResNet101": LARGE, "ResNet152": LARGE}
EIGENPLACES = {"VGG16": (512,), "ResNet18": (256, 512), "ResNet50": LARGE[2:], "ResNet101": LARGE[2:]}
VIT_S, VIT_B = DINOv2Trunk(384), DINOv2Trunk()
VIT_G = DINOv2Trunk(1536, 40, swiglu=True)
SELAVPR = DINOv2Trunk(1024, 24, adapters="serial-parallel", side=224)
MEGALOC = SALADHead(cluster_dim=256, linear=8448)
DOMAINS = ("indoor", "aerial", "structured", "unstructured", "global")
"""Of AnyLoc's vocabularies, besides ``urban``."""
SELAVPR_PAPER = "Lu et al., Towards Seamless Adaptation of Pre-trained Models for Visual Place Recognition, ICLR 2024"
SALAD_FILES = (
    PublishedFile("dino_salad.ckpt", "https://github.com/serizba/salad/releases/download/v1.0.0/dino_salad.ckpt"),
)
CLIQUEMINING_FILES = (on_drive("cliquemining.ckpt", "1B06ysb-Wjb4KDcNrl-7pyj1mJve1jqdk"),)
MEGALOC_FILES = (
    PublishedFile("megaloc.safetensors", "https://huggingface.co/gberton/MegaLoc/resolve/main/model.safetensors"),
)
MEGALOC_V1_FILES = (
    PublishedFile("megaloc.torch", "https://github.com/gmberton/MegaLoc/releases/download/v1.0/megaloc.torch"),
)
CRICAVPR = "https://github.com/Lu-Feng/CricaVPR/releases/download/v1.0/CricaVPR.pth"

TABLE: tuple[Network, ...] = (
    *(unit_gem("CosPlace", trunk, dim) for trunk, dims in COSPLACE.items() for dim in dims),
    *(unit_gem("EigenPlaces", trunk, dim) for trunk, dims in EIGENPLACES.items() for dim in dims),
    convap(128, 95_293_696),
    convap(1024, 102_637_312),
    convap(2048, 111_030_016),
    mixvpr(64, 2, "1DQnefjk1hVICOEYPwE4-CZAZOvi1NSJz", 39_706_760),
    mixvpr(256, 2, "1khiTUNzZhfV2UUupZoIsPIbsMRBYVDqj", 40_493_960),
    mixvpr(1024, 4, "1vuz3PvnR7vxnDDLQrdHJaOA04SQrtk5L", 43_645_968),
    boq(
        "boq-r50",
        "boq_resnet50_16384",
        ResNetTrunk(50, stages=3, numbered=True),
        BoQHead(1024, 512),
        "backbone.net.",
        384,
        "resnet50_16384.pth",
        95_500_160,
    ),
    boq(
        "boq",
        "boq_dinov2_vitb14_12288",
        dataclasses.replace(VIT_B, normalize=False),
        BoQHead(768, 384),
        "backbone.dino.",
        322,
        "dinov2_12288.pth",
        380_826_240,
    ),
    salad("salad", "salad_dinov2_vitb14_8448", VIT_B, SALAD_FILES, 351_965_956),
    salad("cliquemining", "cliquemining_dinov2_vitb14_8448", VIT_B, CLIQUEMINING_FILES, 351_965_956),
    megaloc("megaloc", "megaloc_safetensors_8448", MEGALOC, "backbone.", MEGALOC_FILES, 914_558_212),
    megaloc("megaloc-v1", "megaloc_v1_torch_8448", MEGALOC, "backbone.model.", MEGALOC_V1_FILES, 914_561_284),
    adapted(
        "cricavpr",
        "cricavpr_vitb14_10752",
        "Lu et al., CricaVPR: Cross-image Correlation-aware Representation Learning for Visual Place Recognition, "
        "CVPR 2024",
        dataclasses.replace(VIT_B, adapters="multi-scale", side=224),
        CricaVPRHead(),
        PublishedFile("CricaVPR.pth", CRICAVPR),
        427_088_132,
    ),
    *(
        adapted(name, full_name, SELAVPR_PAPER, SELAVPR, SelaVPRHead(), on_drive(file, identity), 1_429_714_436)
        for name, full_name, file, identity in (
            ("selavpr", "selavpr_vitl14_1024", "SelaVPR_msls.pth", "1vy05l0JTEgr6n8iSoz_P_yjWfEzFPAkV"),
            (
                "selavpr-pitts30k",
                "selavpr_vitl14_1024_pitts30k",
                "SelaVPR_pitts30k.pth",
                "1LKTZZRHfMH3dY3UPagCt2TIlMN5LguGO",
            ),
        )
    ),
    *(
        anyloc(name, full_name, dataclasses.replace(VIT_G, facet=(31, "value")), anyloc_files(domain), 4_546_119_680)
        for name, full_name, domain in (
            ("anyloc", "anyloc_vitg14_l31_value_c32", "urban"),
            *((f"anyloc-{each}", f"anyloc_vitg14_l31_value_c32_{each}", each) for each in DOMAINS),
        )
    ),
    hloc_netvlad("netvlad-vgg16", "netvlad_hloc_vgg16_4096", 4096, "Pitts30K_struct.mat", 596_008_192),
    hloc_netvlad("netvlad-vgg16-32768", "netvlad_hloc_vgg16_32768", 0, "Pitts30K_struct.mat", 59_120_896),
    hloc_netvlad("netvlad-tokyotm", "netvlad_hloc_vgg16_4096_tokyotm", 4096, "TokyoTM_struct.mat", 596_008_192),
    nanne_netvlad(),
    cirtorch(
        "gem-r101",
        "cirtorch_gem_resnet101_2048",
        ResNetTrunk(101, numbered=True),
        GeMHead(2048),
        "retrieval-SfM-120k/retrievalSfM120k-resnet101-gem-b80fb85.pth",
        170_422_020,
    ),
    cirtorch(
        "gem-vgg16",
        "cirtorch_gem_vgg16_512",
        VGGTrunk(last_relu=True),
        GeMHead(512),
        "retrieval-SfM-120k/retrievalSfM120k-vgg16-gem-b4dcdc6.pth",
        58_858_756,
    ),
    *(
        cirtorch(
            f"gem-r{depth}-whiten",
            f"cirtorch_gem_resnet{depth}_whiten_2048",
            ResNetTrunk(depth, numbered=True),
            GeMHead(2048, whiten=True),
            f"gl18/gl18-tl-resnet{depth}-gem-w-{mark}.pth",
            size,
        )
        for depth, mark, size in (
            (50, "83fdc30", 111_030_020),
            (101, "a4d43db", 187_207_428),
            (152, "21278d5", 249_966_340),
        )
    ),
    salad("salad-vits", "salad_dinov2_vits14_8448", VIT_S, (), 91_511_044),
    megaloc(
        "megaloc-small", "megaloc_small_head_512", SALADHead(768, 16, 32, 64, 128, 512), "backbone.", (), 348_739_524
    ),
    anyloc("anyloc-vits", "anyloc_vits14_l9_value_c32", dataclasses.replace(VIT_S, facet=(9, "value")), (), 88_275_456),
    anyloc("anyloc-vitb", "anyloc_vitb14_l9_key_c32", dataclasses.replace(VIT_B, facet=(9, "key")), (), 346_420_224),
)
"""All rows; those without published weights, for tests, last."""


def published_networks() -> tuple[Network, ...]:
    """Return the rows whose weights were published."""
    return tuple(row for row in TABLE if row.files)


def is_published(name: str) -> bool:
    """Return whether there is a row of this short or full name."""
    return any(name in {row.name, row.full_name} for row in TABLE)


def find_network(name: str) -> Network:
    """Return the row of a short or full name.

    Raises:
        OptionError: there is none.

    Example:
        >>> find_network("cosplace-r18").dim
        512
    """
    for row in TABLE:
        if name in {row.name, row.full_name}:
            return row
    names = [row.name for row in published_networks() if not row.name.rpartition("-")[2].isdigit()]
    raise OptionError(f"no published network called {name!r}; {suggest(name, names)}; all: placeprint models")
