"""The families of published networks: what the rows of the table of one method have in common."""

from __future__ import annotations

from placeprint.networks.published.rows import License, Network, PublishedFile, Sight
from placeprint.networks.published.specs import (
    BoQHead,
    ConvAPHead,
    CricaVPRHead,
    DINOv2Trunk,
    GeMHead,
    HardVLADHead,
    Head,
    MixHead,
    NetVLADHead,
    ResNetTrunk,
    SALADHead,
    Trunk,
    UnitGeMHead,
    VGGTrunk,
)

TRUNK_BYTES = {
    "VGG16": 58_858_756,
    "ResNet18": 44_744_452,
    "ResNet50": 94_244_612,
    "ResNet101": 170_422_020,
    "ResNet152": 233_180_932,
}
"""In float32, with the exponent of GeM."""
MIT_ASSETS = "not stated; published with a repository under MIT"
DINOV2_LICENSE = "that of the network it was made from, DINOv2, is Apache-2.0"
PLAIN_NAMES = (("backbone.", "trunk."), ("aggregation.", "head."))
HEAD_AND_MODEL = (("backbone.model.", "trunk."), ("aggregator.", "head."))


def unit_gem(method: str, trunk: str, dim: int) -> Network:
    """Return CosPlace's or EigenPlaces' network of a trunk and a length; they differ in the weights alone."""
    depth = {"VGG16": 0, "ResNet18": 18, "ResNet50": 50, "ResNet101": 101, "ResNet152": 152}[trunk]
    channels = 2048 if depth >= 50 else 512
    short = f"r{depth}" if depth else "vgg16"
    usual = dim == channels
    paper = {
        "CosPlace": "Berton et al., Rethinking Visual Geo-localization for Large-Scale Applications, CVPR 2022",
        "EigenPlaces": "Berton et al., EigenPlaces: Training Viewpoint Robust Models for Visual Place Recognition, "
        "ICCV 2023",
    }[method]
    file = f"{trunk}_{dim}_{method.lower()}.pth"
    return Network(
        name=f"{method.lower()}-{short}" + ("" if usual else f"-{dim}"),
        full_name=f"{method.lower()}_{trunk.lower()}_{dim}",
        method=method,
        paper=paper,
        dim=dim,
        trunk=ResNetTrunk(depth, numbered=True) if depth else VGGTrunk(),
        head=UnitGeMHead(channels, dim),
        names=PLAIN_NAMES,
        sight=Sight(longest=640),
        files=(PublishedFile(file, f"https://github.com/gmberton/{method}/releases/download/v1.0/{file}"),),
        license=License("MIT", MIT_ASSETS),
        bytes=TRUNK_BYTES[trunk] + 4 * (channels + 1) * dim,
    )


def mixvpr(channels: int, rows: int, drive: str, size: int) -> Network:
    """Return MixVPR with these numbers of channels and rows."""
    dim = channels * rows
    return Network(
        name="mixvpr" if dim == 4096 else f"mixvpr-{dim}",
        full_name=f"mixvpr_resnet50_{dim}",
        method="MixVPR",
        paper="Ali-bey et al., MixVPR: Feature Mixing for Visual Place Recognition, WACV 2023",
        dim=dim,
        trunk=ResNetTrunk(50, stages=3),
        head=MixHead(channels, rows),
        names=HEAD_AND_MODEL,
        sight=Sight(stretch=(320, 320)),
        files=(on_drive(f"resnet50_MixVPR_{dim}_channels({channels})_rows({rows}).ckpt", drive),),
        license=License("none: the repository has no license", "none stated"),
        bytes=size,
    )


def convap(channels: int, size: int) -> Network:
    """Return Conv-AP with this number of channels."""
    dim = 4 * channels
    folder = "https://drive.google.com/drive/folders/1VYPw9uGD11NgiGFgfWueLt3noJYOIuhL"
    return Network(
        name="convap" if dim == 8192 else f"convap-{dim}",
        full_name=f"convap_resnet50_{dim}",
        method="Conv-AP",
        paper="Ali-bey et al., GSV-Cities: Toward Appropriate Supervised Visual Place Recognition, "
        "Neurocomputing 513, 2022",
        dim=dim,
        trunk=ResNetTrunk(50),
        head=ConvAPHead(channels),
        names=HEAD_AND_MODEL,
        sight=Sight(stretch=(320, 320)),
        files=(PublishedFile(f"resnet50_ConvAP_{channels}_2x2.ckpt", page=folder),),
        license=License("none: the repository has no license", "none stated"),
        bytes=size,
    )


def boq(
    name: str, full_name: str, trunk: Trunk, head: BoQHead, prefix: str, side: int, file: str, size: int
) -> Network:
    """Return BoQ over a trunk."""
    return Network(
        name=name,
        full_name=full_name,
        method="BoQ",
        paper="Ali-bey et al., BoQ: A Place is Worth a Bag of Learnable Queries, CVPR 2024",
        dim=32 * head.width,
        trunk=trunk,
        head=head,
        names=((prefix, "trunk."), ("aggregator.", "head.")),
        sight=Sight(stretch=(side, side), multiple=14 if isinstance(trunk, DINOv2Trunk) else 1),
        files=(
            PublishedFile(f"boq_{file}", f"https://github.com/amaralibey/Bag-of-Queries/releases/download/v1.0/{file}"),
        ),
        license=License("MIT", MIT_ASSETS),
        bytes=size,
    )


def salad(name: str, full_name: str, trunk: DINOv2Trunk, files: tuple[PublishedFile, ...], size: int) -> Network:
    """Return SALAD over a vision transformer."""
    return Network(
        name=name,
        full_name=full_name,
        method="SALAD",
        paper="Izquierdo and Civera, Optimal Transport Aggregation for Visual Place Recognition, CVPR 2024",
        dim=8448,
        trunk=trunk,
        head=SALADHead(trunk.width),
        names=HEAD_AND_MODEL,
        sight=Sight(stretch=(322, 322), multiple=14),
        files=files,
        license=License("GPL-3.0", f"not stated; published with a repository under GPL-3.0; {DINOV2_LICENSE}"),
        bytes=size,
    )


def megaloc(
    name: str, full_name: str, head: SALADHead, prefix: str, files: tuple[PublishedFile, ...], size: int
) -> Network:
    """Return MegaLoc under the names of one of its files."""
    return Network(
        name=name,
        full_name=full_name,
        method="MegaLoc",
        paper="Berton and Masone, MegaLoc: One Retrieval to Place Them All, CVPR Workshops 2025",
        dim=head.linear,
        trunk=DINOv2Trunk(mask_token=prefix.endswith("model."), resize=True),
        head=head,
        names=((prefix, "trunk."), ("aggregator.", "head.")),
        sight=Sight(stretch=(322, 322), multiple=14),
        files=files,
        license=License("MIT", f"{MIT_ASSETS}; {DINOV2_LICENSE}"),
        bytes=size,
    )


def cirtorch(name: str, full_name: str, trunk: Trunk, head: GeMHead, file: str, size: int) -> Network:
    """Return one of Radenovic's networks with GeM."""
    url = f"https://cmp.felk.cvut.cz/cnnimageretrieval/data/networks/{file}"
    return Network(
        name=name,
        full_name=full_name,
        method="GeM",
        paper="Radenovic et al., Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2018",
        dim=head.channels,
        trunk=trunk,
        head=head,
        names=(("features.", "trunk."), ("", "head.")),
        sight=Sight(longest=1024),
        files=(PublishedFile(file.rpartition("/")[2], url),),
        license=License("MIT", "not stated"),
        bytes=size,
    )


def hloc_netvlad(name: str, full_name: str, whiten: int, file: str, size: int) -> Network:
    """Return one of the authors' own NetVLADs, read as hloc does."""
    return Network(
        name=name,
        full_name=full_name,
        method="NetVLAD",
        paper="Arandjelovic et al., NetVLAD: CNN architecture for weakly supervised place recognition, CVPR 2016",
        dim=whiten or 32768,
        trunk=VGGTrunk(color_mean=(123.68, 116.779, 103.939)),
        head=NetVLADHead("hloc", whiten),
        names=(("backbone.", "trunk.layers."), ("mean", "trunk.mean"), ("", "head.")),
        sight=Sight(longest=1024, mean=(0.0, 0.0, 0.0), deviation=(1.0, 1.0, 1.0)),
        files=(
            PublishedFile(f"netvlad_{file}", f"https://cvg-data.inf.ethz.ch/hloc/netvlad/{file}", names="hloc-mat"),
        ),
        license=License("MIT (the authors' own), Apache-2.0 (the port)", "not stated"),
        bytes=size,
    )


def nanne_netvlad() -> Network:
    """Return the NetVLAD that Nanne trained again."""
    page = "https://drive.google.com/file/d/17luTjZFCX639guSVy00OUtzfTQo4AMF2/view"
    return Network(
        name="netvlad-nanne",
        full_name="netvlad_nanne_vgg16_32768",
        method="NetVLAD",
        paper="after Arandjelovic et al., NetVLAD: CNN architecture for weakly supervised place recognition, CVPR 2016",
        dim=32768,
        trunk=VGGTrunk(),
        head=NetVLADHead("nanne"),
        names=(("encoder.", "trunk."), ("pool.", "head.")),
        sight=Sight(longest=640),
        files=(PublishedFile("netvlad_nanne_model_best.pth.tar", page=page),),
        license=License("none: the repository has no license", "none stated"),
        bytes=59_120_896,
    )


def anyloc(name: str, full_name: str, trunk: DINOv2Trunk, files: tuple[PublishedFile, ...], size: int) -> Network:
    """Return AnyLoc over a facet of DINOv2."""
    return Network(
        name=name,
        full_name=full_name,
        method="AnyLoc",
        paper="Keetha et al., AnyLoc: Towards Universal Visual Place Recognition, RA-L 2023",
        dim=32 * trunk.width,
        trunk=trunk,
        head=HardVLADHead(trunk.width),
        names=(("c_centers", "head.c_centers"), ("", "trunk.")),
        sight=Sight(longest=1024, multiple=14),
        files=files,
        license=License("BSD-3-Clause", "DINOv2: Apache-2.0; of the vocabularies: not stated"),
        bytes=size,
    )


def anyloc_files(domain: str) -> tuple[PublishedFile, ...]:
    """Return DINOv2's file and the vocabulary of a domain."""
    backbone, vocabulary = "dinov2_vitg14_pretrain.pth", f"dinov2_vitg14_l31_value_c32_{domain}_c_centers.pt"
    return (
        PublishedFile(backbone, f"https://dl.fbaipublicfiles.com/dinov2/dinov2_vitg14/{backbone}"),
        PublishedFile(
            vocabulary, f"https://github.com/AnyLoc/DINO/releases/download/v1/{vocabulary}", tensor="c_centers"
        ),
    )


def adapted(
    name: str, full_name: str, paper: str, trunk: DINOv2Trunk, head: Head, file: PublishedFile, size: int
) -> Network:
    """Return CricaVPR or SelaVPR."""
    return Network(
        name=name,
        full_name=full_name,
        method="CricaVPR" if isinstance(head, CricaVPRHead) else "SelaVPR",
        paper=paper,
        dim=14 * trunk.width if isinstance(head, CricaVPRHead) else trunk.width,
        trunk=trunk,
        head=head,
        names=(("module.backbone.", "trunk."), ("module.", "head.")),
        parts=((".adapter.", ".adapter2."),) if trunk.adapters == "multi-scale" else (),
        sight=Sight(stretch=(224, 224), multiple=14),
        files=(file,),
        license=License("MIT (its trunk Apache-2.0)", "none stated"),
        bytes=size,
    )


def on_drive(name: str, identity: str) -> PublishedFile:
    """Return a file of Google Drive, which hands large ones to browsers only."""
    return PublishedFile(name, page=f"https://drive.google.com/file/d/{identity}/view")
