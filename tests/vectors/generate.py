#!/usr/bin/env python3
"""Makes questions for a Django oracle, and test vectors of its answers.

    generate.py --oracle ORACLE.py --out DIR [--seeds 1 2 3] [--scale 1.0] [--ops OP ...]
    generate.py --questions --seeds 7 [--scale 0.1] [--ops OP ...]      one JSON question a line, no oracle

The oracle is run with this interpreter, which therefore needs Django (and Pillow for image_dimensions). Vectors are
written as DIR/<family>.jsonl.gz, lines of {"req": question, "want": answer}.
"""
import argparse
import base64
import datetime
import gzip
import io
import json
import os
import random
import struct
import subprocess
import sys
import unicodedata
import zlib

FAMILIES = {
    "names": ["get_valid_name", "get_available_name", "get_alternative_name", "generate_filename",
              "generate_filename_callable", "storage_generate_filename", "validate_file_name", "uploaded_name",
              "check_extension", "safe_join"],
    "urls": ["filepath_to_uri", "url", "was_modified_since"],
    "files": ["chunks", "lines"],
    "images": ["image_dimensions"],
    "storages": ["storage_script"],
}

# How many questions of each operation a seed gives at scale 1.
COUNTS = {
    "get_valid_name": 1500, "get_available_name": 1500, "get_alternative_name": 100, "generate_filename": 1500,
    "generate_filename_callable": 500, "storage_generate_filename": 800, "validate_file_name": 800,
    "uploaded_name": 400, "check_extension": 400, "safe_join": 600, "filepath_to_uri": 400, "url": 800,
    "was_modified_since": 400, "chunks": 200, "lines": 400, "image_dimensions": 120, "storage_script": 250,
}

WORDS = ["a", "b.txt", "photo.jpg", "IMG_0001.JPEG", "57 Chevy", "x.tar.gz", "report", "caf\u00e9", "\u65e5\u672c\u8a9e",
         "\u0394\u03bf\u03ba", "\u0434\u043e\u043a.pdf", "\ud55c\uad6d", "na\u00efve.md", "CON", "nul.txt", ".hidden", "..x", "...",
         "\u0928\u092e\u0938\u094d\u0924\u0947", "e\u0301t\u00e9.png", "\u0e17\u0e35\u0e48", "o\u0302\u0323", "\u212b", "\u1100\u1161\u11a8", "\U0001f44d",
         "\u2764\ufe0f", "\ufb01le", "\u00b2\u00bd\u2167\u2460", "$", "???", "a#1", "#12", "100%", "%20", "&amp;", "~", "'", "!*()",
         "+=,;@", "C:", "x" * 40, "long" * 20, "\u00e9" * 60, "\u65e5" * 90, "f" * 260]
GLUE = ["", "", "", ".", ".", "..", "_", "-", " ", "  ", "/", "/", "//", "\\", "./", "../", "/..", "\\..\\", "\t", "\n",
        "\x1c", "\x1c ", "\x85", "\u00a0", "\u2003", "\u3000", "\u200d", "\u202e", "\u200b", "\0", ":", "?", "#", "|", "\u0301", "\u2028"]


def character(rnd):
    """Any character that this Unicode knows, with those that matter to names much likelier."""
    kind = rnd.random()
    if kind < 0.35:
        return chr(rnd.randrange(0x20, 0x7f))
    if kind < 0.45:
        return chr(rnd.randrange(0, 0x300))
    if kind < 0.55:
        return chr(rnd.randrange(0x300, 0x370))
    if kind < 0.65:
        return chr(rnd.choice([0x2000, 0x2010, 0x2028, 0x202f, 0x205f, 0x3000, 0xa0, 0x1680, 0x85, 0x1c, 0x1f, 0xfeff, 0x180e]))
    top = 0x3000 if kind < 0.8 else 0x10000 if kind < 0.9 else 0x20000 if kind < 0.98 else 0xe0200
    while True:
        code = rnd.randrange(0x370, top)
        # Private use is left to the oracle, which marks its random parts with it.
        if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co"):
            return chr(code)


def text(rnd, glue=GLUE, longest=6):
    """A name of pieces that matter, or of characters."""
    if rnd.random() < 0.3:
        return "".join(character(rnd) for _ in range(rnd.randint(0, 14)))
    out = rnd.choice(glue)
    for _ in range(rnd.randint(1, longest)):
        out += rnd.choice(WORDS) if rnd.random() < 0.75 else character(rnd)
        out += rnd.choice(glue)
    return out


def plain(rnd):
    return text(rnd, glue=["", "", "", ".", "_", "-", "/", "/", " "], longest=4)


def extension(rnd):
    return rnd.choice(["", ".txt", ".tar.gz", ".JPG", ".", "..txt", ".y z.w", ".\u00e9", ".\u65e5\u672c", "." + "e" * rnd.randint(1, 30)])


# --- one maker for each operation ---------------------------------------------------------------

def get_valid_name(rnd):
    return {"name": text(rnd)}


def get_available_name(rnd):
    name = (plain if rnd.random() < 0.6 else text)(rnd) + extension(rnd)
    question = {"name": name, "existing": []}
    if rnd.random() < 0.6:
        question["existing"].append(name.replace("\\", "/"))
    if rnd.random() < 0.6:
        question["max_length"] = rnd.choice([0, rnd.randint(1, 40), rnd.randint(1, 40), max(len(name) + rnd.randint(-12, 12), 1), 100, 255])
    if rnd.random() < 0.1:
        question["allow_overwrite"] = True
    return question


def get_alternative_name(rnd):
    return {"root": text(rnd).replace("/", "") or "r", "ext": extension(rnd)}


DIRECTIVES = "aAbBCdDeFfgGhHIjklmMpPSuUVwWxyY%"


def template(rnd):
    kind = rnd.random()
    if kind < 0.1:
        return rnd.choice(["", ".", "./", "a//b/", "/abs", "a/../b", "..", "up/", "%", "100%", "%Q", "%E", "%T", "%-d", "%c", "%+"])
    if kind < 0.2:
        return text(rnd).replace("\0", "")
    out = []
    for _ in range(rnd.randint(1, 4)):
        part = rnd.choice(["", "", "up", "photos", "a b", "\u00e9"])
        for _ in range(rnd.randint(0, 3)):
            directive = rnd.choice(DIRECTIVES)
            flag = rnd.choice("-_0^#") if directive not in "fF%Dx" and rnd.random() < 0.15 else ""
            part += "%" + flag + directive + rnd.choice(["", "", "-", "_"])
        out.append(part)
    return rnd.choice(["", "", "", "./"]) + "/".join(out)


def moment(rnd):
    day = datetime.datetime(1, 1, 1) if rnd.random() < 0.1 else datetime.datetime(1900, 1, 1)
    day += datetime.timedelta(days=rnd.randrange(200 * 365), seconds=rnd.randrange(86400))
    if rnd.random() < 0.4:
        day = day.replace(month=rnd.choice([1, 12]), day=rnd.choice([1, 2, 3, 4, 5, 6, 7, 28, 29, 30, 31]))
    if rnd.random() < 0.5:
        day = day.replace(microsecond=rnd.randrange(1000000))
    return day.isoformat()


def generate_filename(rnd):
    return {"upload_to": template(rnd), "now": moment(rnd), "filename": text(rnd)}


def generate_filename_callable(rnd):
    start = rnd.choice(["", "", "a/", "./a/", "/a/", "../", "a/../", "a\\", text(rnd)])
    return {"template": start + rnd.choice(["{filename}", "{filename}", "x", "{filename}" + extension(rnd)]), "filename": text(rnd)}


def storage_generate_filename(rnd):
    return {"filename": text(rnd)}


def validate_file_name(rnd):
    return {"name": text(rnd), "allow_relative_path": rnd.random() < 0.6}


def uploaded_name(rnd):
    if rnd.random() < 0.02:
        return {"name": None}
    if rnd.random() < 0.5:
        unit = rnd.choice(["f", "f", "\u00e9", "\u65e5", "\U0001f44d", "ab.", "."])
        return {"name": text(rnd, longest=1) + unit * rnd.randint(80, 300) + extension(rnd)}
    return {"name": text(rnd)}


def check_extension(rnd):
    pool = ["txt", "TXT", "gz", "tar.gz", "", "jpg", "JPEG", "pdf", "\u00c9", "x y", "md"]
    allowed = None if rnd.random() < 0.1 else rnd.sample(pool, rnd.randint(0, 5))
    name = text(rnd) + rnd.choice(["", ".", "." + rnd.choice(pool), "." + rnd.choice(pool), "." + rnd.choice(pool) + rnd.choice([" ", "/", "/.", "."])])
    return {"name": name, "allowed": allowed}


def safe_join(rnd):
    parts = ["a", "b", "..", ".", "", "/", "//", "abc", "a b", "a\\..", "x\0", "\u00e9"]
    path = lambda: rnd.choice(["", "", "", "/", "//", "/abc/"]) + "/".join(rnd.choice(parts) for _ in range(rnd.randint(0, 4)))  # noqa: E731
    base = rnd.choice(["/", "//", "/abc", "/abc/", "//abc", "/a/./b/../c", "/" + path(), "/a b", "/abc/d"])
    return {"base": base, "paths": [rnd.choice([path(), "../abcd", "../abc", "/abc/x", "/etc"]) for _ in range(rnd.randint(0, 3))]}


def filepath_to_uri(rnd):
    return {"path": None if rnd.random() < 0.02 else text(rnd)}


def url(rnd):
    bases = ["/media/", "/media", "/", "", "http://x/m/", "http://x/m", "https://cdn.example.com", "//cdn/x/", "media/", "m",
             "http://x/m/?q=1", "/m/#f", "/m;p/", "/m;p", "http://x;p", "mailto:x", "HTTPS://X/y/", "file:x/", "file:///a/b/",
             "/a/../b/", "/a//b/", "ftp://h:21/z/", "data:x/", "http://[::1]/m/", "/a/b/c", "http://x/a b/", "/\u00e9/", "s3://bucket/x/"]
    question = {"base_url": rnd.choice(bases), "name": None if rnd.random() < 0.02 else text(rnd)}
    if rnd.random() < 0.3:
        question["media_url"] = rnd.choice(bases + [None])
        if rnd.random() < 0.8:
            question["base_url"] = None
    return question


def was_modified_since(rnd):
    seconds = rnd.choice([rnd.randrange(0, 2_000_000_000), rnd.randrange(0, 250_000_000_000), 0, 951_782_400])
    day = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    form = rnd.random()
    if form < 0.4:
        header = day.strftime("%a, %d %b %Y %H:%M:%S GMT")
    elif form < 0.6:
        header = day.strftime("%A, %d-%b-%y %H:%M:%S GMT")
    elif form < 0.8:
        header = day.strftime("%a %b ") + "%2d " % day.day + day.strftime("%H:%M:%S %Y")
    else:
        header = rnd.choice([None, "", "0", "Thu, 01 Jan 1970", "yesterday", day.isoformat(), day.strftime("%a, %d %b %Y %H:%M:%S +0000"),
                             day.strftime("%a, 31 Feb %Y %H:%M:%S GMT"), day.strftime("%a, %d %b %Y 25:%M:%S GMT"), day.strftime("Xyz, %d %b %Y %H:%M:%S GMT")])
    if header and rnd.random() < 0.1:
        at = rnd.randrange(len(header))
        header = header[:at] + rnd.choice("0 aZ,:-\u00e9") + header[at + 1:]
    return {"header": header, "mtime": rnd.choice([seconds, seconds + 0.9, seconds + 1, seconds - 1, seconds - 0.1, 0, -1, 10.9, rnd.uniform(0, 2e9)])}


def chunks(rnd):
    size = rnd.choice([0, 1, rnd.randint(0, 50), rnd.randint(0, 300), 65535, 65536, 65537, 131072, 200000])
    return {"size": size, "chunk_size": rnd.choice([None, rnd.randint(1, 60), size or 1, size + 1, max(size - 1, 1), 65536]) if size < 1000 else rnd.choice([None, 65536, 1000, size]),
            "kind": rnd.choice(["content", "file", "memory", "temp"])}


def lines(rnd):
    pieces = ["\n", "\r", "\r\n", "\r\r\n", "\n\r", "a", "bc", "x" * 20, "", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u00e9", "\u65e5"]
    body = "".join(rnd.choice(pieces) for _ in range(rnd.randint(0, 16)))
    question = {"text": body} if rnd.random() < 0.5 else {"data_b64": base64.b64encode(body.encode()).decode()}
    if rnd.random() < 0.8:
        question["chunk_size"] = rnd.randint(1, 12)
    return question


def picture(rnd):
    from PIL import Image
    size = (rnd.choice([1, 2, 3, 16, 33, rnd.randint(1, 60)]), rnd.choice([1, 2, 7, 16, 40, rnd.randint(1, 60)]))
    form, mode, options = rnd.choice([
        ("PNG", "RGB", {}), ("PNG", "P", {}), ("PNG", "LA", {}), ("PNG", "1", {}), ("JPEG", "RGB", {}),
        ("JPEG", "L", {"progressive": True}), ("JPEG", "CMYK", {}), ("GIF", "P", {}), ("GIF", "L", {}),
        ("WEBP", "RGB", {}), ("WEBP", "RGBA", {"lossless": True}), ("WEBP", "RGBA", {}),
        ("BMP", "RGB", {}), ("TIFF", "RGB", {})])
    image = Image.new(mode, size)
    if form == "JPEG" and rnd.random() < 0.4:
        exif = image.getexif()
        exif[0x0112] = rnd.randint(1, 8)
        options = dict(options, exif=exif)
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue(), list(size)


def image_dimensions(rnd):
    kind = rnd.random()
    question = {}
    if kind < 0.03:
        return {"path": "missing.png"}
    if kind < 0.1:
        data = rnd.choice([b"", b"junk", b"<svg xmlns='http://www.w3.org/2000/svg' width='3' height='4'/>", b"%PDF-1.4\n", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"])
    else:
        data, size = picture(rnd)
        if kind < 0.3:
            # The oracle does not read `whole`, the list of differences does.
            question["whole"] = size
            data = data[:rnd.choice([rnd.randrange(len(data) + 1), rnd.randrange(min(len(data), 64))])]
        elif kind < 0.4:
            data += bytes(rnd.randrange(256) for _ in range(rnd.randint(1, 40)))
        elif kind < 0.45:
            data = b"x" * rnd.randint(1, 4) + data
    question["data_b64"] = base64.b64encode(data).decode()
    return question


def odd_images():
    """Images that each implementation may see in its own way, the same whatever the seed."""
    from PIL import Image

    def saved(form, **options):
        out = io.BytesIO()
        Image.new("RGB", (9, 7)).save(out, form, **options)
        return out.getvalue()

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    png, jpeg, gif = saved("PNG"), saved("JPEG"), saved("GIF")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 90, 70, 8, 2, 0, 0, 0))
    frame = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 70, 90) + b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01"
    segment = b"\xff\xe2\xff\xff" + bytes(65533)
    images = [
        # More pixels than Pillow looks at.
        b"BM" + struct.pack("<IIIIiiHH", 54, 0, 54, 40, 30000, 30000, 1, 24) + bytes(24),
        *(saved("TIFF", tiffinfo={274: orientation}) for orientation in range(1, 9)),
        saved("PPM"), saved("TGA"),
        jpeg[:2] + segment * 15 + jpeg[2:], jpeg[:2] + segment * 17 + jpeg[2:],
        # A header alone, and one whose sides are zero.
        gif[:13], gif[:13] + b";", gif[:6] + bytes(4) + gif[10:],
        png[:8] + header + png[8:], png[:33] + header + png[33:], jpeg[:2] + frame + jpeg[2:],
    ]
    return [{"op": "image_dimensions", "data_b64": base64.b64encode(data).decode()} for data in images]


GOOD = ["a.txt", "a.txt", "d/a.txt", "d/e/b.tar.gz", "c", "d/c", "\u00e9.txt", "57 Chevy.jpg", "long" * 10 + ".txt"]
# Names that no storage takes, and names that Django repairs.
BAD = ["../x", "d/../../x", "/abs", "..\\x"]
REPAIRED = ["", ".", "..", "d/", "d/..", "d/../x", "a\\b", ".hidden", "d//x", "./x", "C:x", "x\ny", "nul.txt", "d/x.", "x#1", "e\u0301"]


def storage_script(rnd):
    b64 = lambda: base64.b64encode(bytes(rnd.randrange(256) for _ in range(rnd.randint(0, 12)))).decode()  # noqa: E731
    backend = rnd.choice(["filesystem", "filesystem", "memory"])
    question = {"backend": backend}
    if rnd.random() < 0.2 and backend == "filesystem":
        question["allow_overwrite"] = True
    if rnd.random() < 0.3:
        question["max_length"] = rnd.choice([12, 16, 20, 30, 100])
    if rnd.random() < 0.1:
        # Alone, because the storages would differ from here on.
        what = rnd.choice(["save", "read", "exists", "size"])
        question["steps"] = [[what, rnd.choice(REPAIRED)] + ([b64()] if what == "save" else [])]
        return question
    seen, steps = [], []
    for _ in range(rnd.randint(2, 10)):
        what = rnd.choice(["save", "save", "save", "save_text", "read", "exists", "size", "delete", "listdir", "mkdir", "rel"])
        name = rnd.choice(GOOD) if rnd.random() < 0.9 else rnd.choice(BAD)
        if what == "save":
            steps.append([what, name if rnd.random() < 0.95 else "a.txt/below", b64()])
        elif what == "save_text":
            steps.append([what, name, rnd.choice(["", "abc", "\u00e9\n"])])
        elif what == "listdir":
            steps.append([what, rnd.choice(["", "", "d", "d/e", "missing", "a.txt", "../", "/"])])
        elif what == "mkdir":
            if backend == "filesystem":
                steps.append([what, "dir%d" % len(steps)])
        elif what != "delete" and rnd.random() < 0.1:
            steps.append([what, rnd.choice(["d", "d/e"])])
        elif what != "rel" and rnd.random() < 0.15:
            steps.append([what, rnd.choice(["a_R000001.txt", "d/a_R000001.txt", "c_R000001", "c_R000002"])])
        else:
            steps.append([what, rnd.choice(seen) if seen and rnd.random() < 0.6 else name])
        seen.append(name)
    if backend == "memory" and any(step[1] == "a.txt/below" for step in steps):
        # Django's storage in memory deletes whole trees, after which nothing would compare.
        steps = [step for step in steps if step[:2] != ["delete", "a.txt"]]
    question["steps"] = steps
    return question


# Asked once, whatever the seeds: names that are cut to what no storage takes, and names with several dots that are taken.
FIXED = {
    "get_available_name": [
        {"name": name, "existing": [], "max_length": max_length, "allow_overwrite": True}
        for name, max_length in [("abc def", 4), ("d/console", 5), ("a#12345b", 4), ("auxiliary.txt", 7), (" ab", 1)]
    ],
    "storage_script": [
        {"backend": backend, "steps": [["save_text", "d/Dr._Who.pdf", "one"], ["save_text", "d/Dr._Who.pdf", "two"]]}
        for backend in ["filesystem", "memory"]
    ],
}


# --- the program ----------------------------------------------------------------------------------

def questions(op, seeds, scale):
    for seed in seeds:
        rnd = random.Random(f"{seed}/{op}")
        for _ in range(max(1, int(COUNTS[op] * scale))):
            yield {"op": op, **globals()[op](rnd)}
    for question in FIXED.get(op, []):
        yield {"op": op, **question}
    if op == "image_dimensions":
        yield from odd_images()


def ask(oracle, asked):
    sent = "".join(json.dumps(question) + "\n" for question in asked)
    done = subprocess.run([sys.executable, oracle], input=sent, capture_output=True, text=True, encoding="utf-8", check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(asked):
        raise SystemExit(f"{len(asked)} questions, {len(answers)} answers\n{done.stderr[-2000:]}")
    return answers


def main():
    parser = argparse.ArgumentParser(description="questions and vectors")
    parser.add_argument("--oracle")
    parser.add_argument("--out")
    parser.add_argument("--questions", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--ops", nargs="+")
    args = parser.parse_args()
    for family, ops in FAMILIES.items():
        ops = [op for op in ops if args.ops is None or op in args.ops]
        if not ops:
            continue
        asked = [question for op in ops for question in questions(op, args.seeds, args.scale)]
        if args.questions:
            for question in asked:
                print(json.dumps(question))
            continue
        answers = ask(args.oracle, asked)
        path = os.path.join(args.out, family + ".jsonl.gz")
        # No time and no name in the header: the same answers make the same file.
        with open(path, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=9, mtime=0, filename="") as out:
            for question, answer in zip(asked, answers):
                line = json.dumps({"req": question, "want": answer}, ensure_ascii=False, separators=(",", ":"))
                out.write(line.encode("utf-8") + b"\n")
        failed = sum("error" in answer for answer in answers)
        print(f"{family}: {len(answers)} cases, {failed} of them errors, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
