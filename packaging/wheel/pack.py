"""Packs a folder as a wheel: adds RECORD, with the digest of each file, and zips it. The
same folder gives the same wheel.

python3 pack.py FOLDER WHEEL
"""

import base64
import hashlib
import pathlib
import sys
import zipfile


def main(folder: str, wheel: str) -> None:
    root = pathlib.Path(folder)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    info = next(path for path in root.iterdir() if path.name.endswith(".dist-info"))
    record = ""
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, data: bytes) -> None:
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o100644 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, data)

        for path in files:
            name, data = path.relative_to(root).as_posix(), path.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            record += f"{name},sha256={digest.decode()},{len(data)}\n"
            add(name, data)
        name = f"{info.name}/RECORD"
        add(name, f"{record}{name},,\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
