"""A live window, by Tk, which comes with Python: OpenCV's wheels without a screen have none."""
from __future__ import annotations

from typing import Any

import cv2

from integral_pose.errors import InputError
from integral_pose.geometry import Array

LONGEST = 960  # px of the longer side


class Window:
    """Shows pictures one after the other, until the user closes it."""

    def __init__(self, title: str) -> None:
        """Opens it.

        Raises:
            InputError: there is no screen, or this Python has no Tk.
        """
        try:
            import tkinter
        except ImportError as error:
            raise InputError(f"--show: this Python has no Tk ({error}). Install it (Debian: python3-tk), or leave out "
                             "--show and look at the overlays.") from error
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise InputError(f"--show: no window can be opened here ({error}). Leave out --show and look at the "
                             "overlays.") from error
        self.closed = False
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        self._photo: Any = tkinter.PhotoImage
        self._label = tkinter.Label(self._root)
        self._label.pack()

    def show(self, pixels: Array) -> None:
        """A picture (h, w, 3), BGR uint8; nothing once the window is closed."""
        if self.closed:
            return
        scale = min(1.0, LONGEST / max(pixels.shape[:2]))
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
        image = self._photo(master=self._root, data=cv2.imencode(".ppm", small)[1].tobytes())
        self._label.configure(image=image)
        self._image = image  # Tk does not keep it
        self._root.update()

    def _close(self) -> None:
        self.closed = True
        self._root.destroy()

    def close(self) -> None:
        """Closes it, if it is open."""
        if not self.closed:
            self._close()
