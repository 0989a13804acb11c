"""Packaging: `integral_pose` from src/, `symbols` from the top level. Exact versions are locked in requirements/."""

from setuptools import find_packages, setup

setup(
    name="integral-pose",
    version="0.1.0",
    description="Integral Human Pose Regression, reproduced in MXNet/Gluon",
    author="the Integral Pose authors",
    license="MIT",
    python_requires=">=3.8,<3.12",
    package_dir={"": "src", "symbols": "symbols"},
    packages=[*find_packages("src"), "symbols", "symbols.native"],
    package_data={
        "integral_pose": ["py.typed", "report/templates/*"], "integral_pose.synthetic.drawing": ["*.cc"],
        "symbols": ["py.typed"], "symbols.native": ["*.cc"],
    },
    # MXNet itself is not named: its wheel is called mxnet or mxnet-cu112, and the two must never be installed together.
    install_requires=[
        "gluoncv==0.10.5.post0",
        "h5py>=3",
        "jinja2>=3.1",
        "markdown>=3.4",
        "markupsafe>=2",
        "matplotlib>=3.6",
        "numpy>=1.20,<1.24",
        "opencv-python-headless>=4.5,<4.12",
        "pillow>=9.2",
        "pycocotools>=2.0.4",
        "scipy>=1.7,<1.16",
        "tensorboardX>=2.5",
        "tqdm>=4",
    ],
)
