"""An npz file of one array, ``data``, that is written piece by piece: its rows wait in a hidden file until their number is known."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from writers.feed.files import WholeFile

PIECE = 1 << 20
LEVEL = 4
"""Of zlib: numpy's own 6 takes twice the time for a few percent."""


class NpzFile:
    """Appears complete or not at all."""

    def __init__(self, final: Path, dtype: Any) -> None:
        self._file = WholeFile(final)
        self._dtype = dtype
        self.rows = 0
        self._path = final.with_name(f".{final.name}.rows.partial")
        try:
            self._waiting = self._path.open("w+b")
        except BaseException:
            self._file.abandon()
            raise

    def write(self, rows: Any) -> None:
        """Rows of the array."""
        if len(rows):
            self._waiting.write(np.ascontiguousarray(rows).view(np.uint8).data)
            self.rows += len(rows)

    def finish(self) -> None:
        """Pack all rows, as ``np.savez_compressed`` would, without the time of day in it; give the file its name."""
        head = io.BytesIO()
        shape = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": (self.rows,)}
        np.lib.format.write_array_header_1_0(head, shape)
        self._waiting.seek(0)
        with (
            zipfile.ZipFile(self._file.file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive,
            archive.open("data.npy", "w", force_zip64=True) as file,
        ):
            file.write(head.getvalue())
            while piece := self._waiting.read(PIECE):
                file.write(piece)
        self._waiting.close()
        os.unlink(self._path)
        self._file.finish()

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._waiting.close()
        self._path.unlink(missing_ok=True)
        self._file.abandon()
