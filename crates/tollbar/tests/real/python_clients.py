"""Two Python OAuth2 clients get tokens and use them. Reads what to do from standard input, prints what happened."""

import json
import os
import sys

# Both refuse plain HTTP otherwise, on loopback too.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.requests_client import OAuth2Session as AuthlibSession  # noqa: E402
from oauthlib.oauth2 import BackendApplicationClient  # noqa: E402
from requests.auth import HTTPBasicAuth  # noqa: E402
from requests_oauthlib import OAuth2Session as RequestsSession  # noqa: E402


def authlib(task, secret, method):
    session = AuthlibSession(
        task["client_id"], secret, scope=task["scope"], token_endpoint_auth_method=method
    )
    token = session.fetch_token(task["token_endpoint"], grant_type="client_credentials")
    return session, token


def requests_oauthlib(task, secret, method):
    client = BackendApplicationClient(client_id=task["client_id"], scope=task["scope"])
    session = RequestsSession(client=client)
    if method == "client_secret_basic":
        how = {"auth": HTTPBasicAuth(task["client_id"], secret)}
    else:
        how = {"include_client_id": True, "client_secret": secret}
    token = session.fetch_token(task["token_endpoint"], **how)
    return session, token


def attempt(client, task, secret, method):
    try:
        session, token = client(task, secret, method)
        answer = session.get(task["resource"])
    except Exception as error:
        return {"failed": type(error).__name__, "error": getattr(error, "error", None), "text": str(error)}
    return {"token": dict(token), "status": answer.status_code, "body": answer.json()}


task = json.load(sys.stdin)
outcome = {
    client.__name__: {
        method: {
            "right": attempt(client, task, task["client_secret"], method),
            "wrong": attempt(client, task, task["wrong_secret"], method),
        }
        for method in ("client_secret_basic", "client_secret_post")
    }
    for client in (authlib, requests_oauthlib)
}
json.dump(outcome, sys.stdout)
