# Schemathesis makes requests of a document, some as it allows and some as it forbids, and sends them through the
# gateway. Reads what to do from standard input, prints how each kind of request fared.

import base64
import collections
import json
import os
import subprocess
import sys
import tempfile

task = json.load(sys.stdin)
folder = tempfile.mkdtemp(prefix="tollbar-schemathesis-")
report = f"{folder}/report.ndjson"
command = [
    sys.executable, "-m", "schemathesis.cli", "run", task["document"],
    "--url", task["base"], "--header", f"X-API-Key: {task['key']}",
    "--seed", str(task["seed"]), "--max-examples", str(task["examples"]),
    "--phases", task["phases"], "--mode", "all", "--workers", "1",
    "--checks", "not_a_server_error,negative_data_rejection,positive_data_acceptance,missing_required_header",
    "--continue-on-failure", "--no-shrink", "--suppress-health-check", "all",
    "--generation-database", "none", "--generation-with-security-parameters", "false",
    # A busy machine answers late.
    "--request-timeout", "60", "--output-sanitize", "false", "--warnings", "off",
    "--report", "ndjson", "--report-ndjson-path", report,
]
for path in task.get("without", []):
    command += ["--exclude-path", path]
ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
if ran.returncode not in (0, 1) or not os.path.exists(report):
    sys.exit(f"Schemathesis ended with {ran.returncode}: {ran.stdout[-2000:]} {ran.stderr[-2000:]}")


def text(content):
    return base64.b64decode((content or {}).get("$base64", "")).decode("utf-8", "replace")


def ours(body):
    """The code, if it is the gateway that answered."""
    try:
        answer = json.loads(body)
        return answer["error"]["code"] if "request_id" in answer["meta"] else None
    except (ValueError, KeyError, TypeError):
        return None


def kind(mode, status, code):
    """What is worth a look: None for what fared as it should."""
    if status >= 500:
        return "broken"
    if mode == "positive":
        if code:
            return "refused"
        return "refused by the mock server" if status >= 400 else None
    if code:
        return None
    return "passed" if status >= 400 else "passed by both"


counts = collections.Counter()
findings = []
errors = []
for line in open(report):
    [(name, event)] = json.loads(line).items()
    if name in ("NonFatalError", "FatalError"):
        errors.append(json.dumps(event)[:600])
    recorder = event.get("recorder") if isinstance(event, dict) else None
    for number, exchange in (recorder or {}).get("interactions", {}).items():
        if not exchange.get("response"):
            errors.append(f"{recorder['label']}: no answer to {json.dumps(exchange['request'])[:300]}")
            continue
        meta = recorder["cases"][number]["value"].get("meta") or {}
        mode = meta.get("generation", {}).get("mode", "positive")
        request, response = exchange["request"], exchange["response"]
        body = text(response.get("content"))
        code, status = ours(body), response["status_code"]
        counts[f"{mode}: {'refused' if code else 'passed'}"] += 1
        found = kind(mode, status, code)
        if found:
            parts = [p for p, how in (meta.get("components") or {}).items() if how["mode"] == "negative"]
            about = ((meta.get("phase") or {}).get("data") or {}).get("description") or "made at random"
            findings.append({
                "kind": found,
                "operation": recorder["label"],
                "what": f"{about} ({', '.join(parts)})" if parts else about,
                "request": f"{request['method']} {request['uri'][len(task['base']):]} {json.dumps(request['headers'])} {text(request.get('body'))}"[:700],
                "answer": f"{status} {body}"[:500],
            })
print(json.dumps({
    "counts": counts, "findings": findings, "errors": errors, "ended": ran.returncode,
    "said": (ran.stdout + ran.stderr)[-1500:],
}))
