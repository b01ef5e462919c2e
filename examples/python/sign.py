"""Signs a PDF over kyso's API, with nothing but Python 3.9: python3 sign.py contract.pdf ICA.079095012345 >signed.pdf

KYSO_URL and KYSO_API_KEY say where and as whom; "make dev" writes both into .kyso/addresses.json (api, api_key).
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


def call(method, path, body=None, content_type="application/json"):
    """Returns the bytes of an answer; a problem (RFC 9457) becomes an exit with its code and text."""
    request = urllib.request.Request(os.environ["KYSO_URL"] + path, data=body, method=method, headers={
        "Authorization": "Bearer " + os.environ["KYSO_API_KEY"],
        "Content-Type": content_type,
        "Idempotency-Key": str(uuid.uuid4()),
    })
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        problem = json.loads(error.read())
        sys.exit("{code}: {title} {detail} ({request_id})".format_map(problem))


def main(file, user):
    with open(file, "rb") as pdf:
        name = urllib.parse.quote(os.path.basename(file))
        stored = json.loads(call("POST", "/v1/documents?name=" + name, pdf.read(), "application/pdf"))
    placement = {"page": 1, "x": 340, "y": 60, "width": 200, "height": 64}
    order = {"user": user, "level": "B-LT", "documents": [{"id": stored["id"], "placement": placement}]}
    signing = json.loads(call("POST", "/v1/signings", json.dumps(order).encode()))

    said = None
    while not signing["final"]:
        time.sleep(1)
        signing = json.loads(call("GET", "/v1/signings/" + signing["id"]))
        if signing["status"] != said:
            print(signing["title"], signing.get("short_code", ""), file=sys.stderr)
        said = signing["status"]
    if signing["status"] != "signed":
        sys.exit(signing.get("outcome", {}).get("title", signing["status"]))
    sys.stdout.buffer.write(call("GET", signing["documents"][0]["content"]))


if __name__ == "__main__":
    main(*sys.argv[1:3])
