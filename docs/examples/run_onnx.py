"""Joints of one person in a photo, by an exported network: needs numpy, opencv-python and onnxruntime, and no MXNet.

    python run_onnx.py 1a2b3c4d5e.onnx photo.jpg --box 120 40 210 430 --out joints.jpg

It prints a line for each joint: its name, x and y in px of the photo and, of a network for 3D poses, how many mm
it is behind the root. The network was trained to look at one person in the middle of a square, so give a box that just
holds the person; without one the whole photo is taken for it.
"""
import argparse
import json

import cv2
import numpy as np
import onnxruntime


def main():
    args = parse()
    image = read(args.photo)
    session, card = opened(args.model, args.provider)
    box = args.box or (0, 0, image.shape[1], image.shape[0])
    if min(box[2:]) <= 0:
        raise SystemExit("--box: width and height must be above 0.")
    joints = find(session, card, image, box)
    for name, joint in zip(card["joints"], joints):
        print(name.ljust(12), "".join(f"{number:9.1f}" for number in joint))
    if args.out:
        save(args.out, drawn(image, joints, card["limbs"]))


def read(path):
    """The photo as (h, w, 3) BGR; OpenCV is not given the name, since it crashes at one that is not UTF-8."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SystemExit(f"{path}: cannot be read as an image ({error.strerror}).") from None
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if image is None:
        raise SystemExit(f"{path}: cannot be read as an image.")
    return image


def opened(model, provider):
    """The network and its card, which the file has in its metadata."""
    try:
        session = onnxruntime.InferenceSession(model, providers=[provider])
    except Exception as error:  # onnxruntime has one of its own for each thing that can be wrong
        raise SystemExit(f"{model}: cannot be read as an ONNX file ({' '.join(str(error).split())}).") from None
    metadata = session.get_modelmeta().custom_metadata_map
    if "integral_pose" not in metadata:
        raise SystemExit(f"{model}: has no card in its metadata. Name a file that scripts/export.py wrote.")
    return session, json.loads(metadata["integral_pose"])


def save(path, image):
    try:
        content = cv2.imencode("." + path.rpartition(".")[2], image)[1]
        content.tofile(path)
    except (cv2.error, OSError):  # no format ends like that, or there is no such folder
        raise SystemExit(f"--out {path}: cannot be written. Name a .jpg or .png in a folder that is there.") from None


def find(session, card, image, box):
    """Joints (K, 2 or 3) in a BGR picture: px and, third, mm behind the root; the box is x, y, width, height in px."""
    matrix = to_patch(card, box)
    extent = np.array([card["input"].get("width", card["input"]["size"]), card["input"]["size"]])
    patch = cv2.warpAffine(image, matrix, tuple(extent.tolist()), flags=cv2.INTER_LINEAR)
    channels = (patch if card["input"]["channels"].startswith("BGR") else patch[:, :, ::-1]).astype(np.float32)
    normalised = (channels - np.float32(card["input"]["mean"])) / np.float32(card["input"]["deviation"])
    images = np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])
    fractions = session.run([card["output"]["name"]], {card["input"]["name"]: images})[0][0]
    pixels = (fractions[:, :2] * extent - card["output"].get("origin", 0.5) - matrix[:, 2]) / matrix[0, 0]
    if "span" not in card["box"]:
        return pixels
    return np.column_stack([pixels, (fractions[:, 2] - 0.5) * card["box"]["span"]])


def to_patch(card, box):
    """The affine map (2, 3) from the photo's px to the patch's: the centre of the first px is (0, 0) in both."""
    x, y, width, height = box
    extent = np.array([card["input"].get("width", card["input"]["size"]), card["input"]["size"]])
    scale = min(extent / (card["box"]["margin"] * np.array([width, height])))
    centre = np.array([x + width / 2 - 0.5, y + height / 2 - 0.5])
    return np.column_stack([scale * np.eye(2), extent / 2 - card["output"].get("origin", 0.5) - scale * centre])


def drawn(image, joints, limbs):
    """A copy of the picture with the limbs drawn into it."""
    copy, points = image.copy(), [tuple(map(int, np.round(joint[:2]))) for joint in joints]
    for start, end in limbs:
        cv2.line(copy, points[start], points[end], (60, 200, 255), 2, cv2.LINE_AA)
    return copy


def parse():
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("model", help="an .onnx file that scripts/export.py wrote")
    parser.add_argument("photo")
    parser.add_argument("--box", nargs=4, type=float, metavar=("X", "Y", "W", "H"), help="px from the top left")
    parser.add_argument("--out", metavar="PICTURE", help="where to draw the joints")
    parser.add_argument("--provider", default="CPUExecutionProvider", help="CUDAExecutionProvider for a GPU")
    return parser.parse_args()


if __name__ == "__main__":
    main()
