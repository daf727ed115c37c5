"""Cloud Monitoring with the key of a service account: what is signed, and that it is not shown."""

import base64
import json
import logging

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from analysis.providers.stackdriver import StackdriverProvider
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube.client import Client
from rollouts.kube.resources import NAMESPACES, SECRETS
from tests.analysis.providers.requests import NOW, clock, run_with

ANSWER = {"timeSeriesData": [{"pointData": [{"values": [{"doubleValue": 0.5}]}]}]}
TOKEN_URI = "https://oauth2.googleapis.com/token"


@pytest.fixture(scope="module")
def private():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key):
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def account(key, **more):
    names = {"type": "service_account", "client_email": "reader@shop.iam.gserviceaccount.com"}
    return json.dumps(
        {**names, "private_key_id": "k1", "private_key": pem(key), "token_uri": TOKEN_URI, **more}
    )


class Google:
    """Hands out a token, and answers a query."""

    def __init__(self, token=None, answer=None):
        self.requests = []
        self._token = token or httpx.Response(200, json={"access_token": "ya29.issued"})
        self._answer = answer or httpx.Response(200, json=ANSWER)

    def __call__(self, request):
        self.requests.append(request)
        return self._token if request.url.host != "monitoring.googleapis.com" else self._answer

    def assertion(self):
        form = dict(pair.split("=", 1) for pair in self.requests[0].content.decode().split("&"))
        assert form["grant_type"] == "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
        return form["assertion"]


async def measured(google, secret, namespace="rollouts-system", **spec):
    client = Client(InProcess(ApiServer(clock, seed=0)))
    await client.create(NAMESPACES, {"metadata": {"name": "shop"}})
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in secret.items()}
    await client.create(SECRETS, {"metadata": {"name": "google"}, "data": encoded}, namespace)
    provider = StackdriverProvider(client, clock, httpx.MockTransport(google), {})
    run, metric = run_with({"stackdriver": {"query": "fetch x", "secretRef": {"name": "google"}, **spec}})
    return await provider.measure(run, metric, None)


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_the_key_signs_who_asks_for_what_and_for_how_long(private):
    google = Google()
    measurement = await measured(google, {"project": "shop", "serviceAccountKey": account(private)})
    assert (measurement.value, measurement.phase) == ("0.5", "")
    header, claims, signature = google.assertion().split(".")
    assert json.loads(decoded(header)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert json.loads(decoded(claims)) == {
        "iss": "reader@shop.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/monitoring.read",
        "aud": TOKEN_URI,
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 3600,
    }
    signed = f"{header}.{claims}".encode()
    private.public_key().verify(decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
    assert str(google.requests[0].url) == TOKEN_URI
    assert google.requests[1].headers["authorization"] == "Bearer ya29.issued"
    assert google.requests[1].url.path == "/v3/projects/shop/timeSeries:query"


async def test_a_project_in_the_metric_goes_before_that_of_the_secret(private):
    google = Google()
    await measured(google, {"project": "shop", "serviceAccountKey": account(private)}, project="other/../x")
    assert google.requests[1].url.raw_path == b"/v3/projects/other%2F..%2Fx/timeSeries:query"


async def test_a_secret_of_the_run_is_read_where_the_run_is(private):
    secret = {"project": "shop", "serviceAccountKey": account(private)}
    ref = {"name": "google", "namespaced": True}
    assert (await measured(Google(), secret, "shop", secretRef=ref)).value == "0.5"
    missing = await measured(Google(), secret, secretRef=ref)
    assert missing.message == 'Secret "google" in namespace "shop" not found; create it'


@pytest.mark.parametrize(
    "key",
    [
        "no JSON",
        "[]",
        "{}",
        '{"client_email": "a", "private_key": "-----BEGIN PRIVATE KEY-----"}',
        json.dumps({"client_email": "a", "private_key": pem(ec.generate_private_key(ec.SECP256R1()))}),
    ],
)
async def test_what_is_no_key_is_an_error_and_nothing_is_asked(key):
    google = Google()
    measurement = await measured(google, {"project": "shop", "serviceAccountKey": key})
    assert measurement.phase == "Error"
    assert measurement.message.startswith("serviceAccountKey is no key of a service account in JSON")
    assert google.requests == []


async def test_without_a_project_nothing_is_asked(private):
    google = Google()
    measurement = await measured(google, {"serviceAccountKey": account(private)})
    assert (
        measurement.message == 'Secret "google" in namespace "rollouts-system" has no key "project"; add it'
    )
    assert google.requests == []


@pytest.mark.parametrize("refusing", ["token", "answer"])
async def test_neither_the_key_nor_what_it_signed_is_shown(private, refusing, caplog):
    caplog.set_level(logging.DEBUG)
    key = account(private)

    class Echo(Google):
        def __call__(self, request):
            super().__call__(request)
            if refusing == "answer" and len(self.requests) == 1:
                return httpx.Response(200, json={"access_token": "ya29.issued"})
            return httpx.Response(401, text=f"{dict(request.headers)} {request.content.decode()}")

    google = Echo()
    measurement = await measured(google, {"project": "shop", "serviceAccountKey": key})
    shown = measurement.model_dump_json() + caplog.text
    assert measurement.phase == "Error"
    assert "401" in measurement.message
    for secret in (pem(private), google.assertion(), "ya29.issued"):
        assert secret not in shown


async def test_outside_google_cloud_the_missing_key_is_named():
    def nobody(request):
        raise httpx.ConnectError("Name or service not known", request=request)

    measurement = await measured(nobody, {"project": "shop"})
    assert measurement.phase == "Error"
    assert measurement.message.endswith(
        "outside Google Cloud name a Secret with serviceAccountKey in secretRef"
    )
