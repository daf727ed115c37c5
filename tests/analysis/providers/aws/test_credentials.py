"""Whose keys sign: every place that may hold some for the controller, and what is said of an empty one."""

import pytest

from analysis.providers.aws.credentials import Aws
from analysis.providers.aws.endpoints import endpoint, service_and_region
from rollouts.api.errors import Unavailable
from rollouts.api.providers import Sigv4Config
from tests.analysis.providers.contract.exchanges import Recorded, Transport
from tests.analysis.providers.requests import clock

IMDS = "http://169.254.169.254/latest"
STS = "https://sts.eu-west-1.amazonaws.com/"
ROLE = "arn:aws:iam::1:role/metrics"
GIVEN = {"AccessKeyId": "ASIAGIVEN", "SecretAccessKey": "given", "Token": "token"}


def role(key_id):
    text = f"<AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    return {"body": f"<R><Credentials>{text}<SessionToken>t</SessionToken></Credentials></R>"}


def assumed(key_id, by="secret", **form):
    return {
        "request": {
            "method": "POST",
            "url": STS,
            "form": {
                "Action": "AssumeRole",
                "Version": "2011-06-15",
                "RoleArn": ROLE,
                "RoleSessionName": "rollouts-analysis",
                **form,
            },
            "sigv4": {"secret": by, "service": "sts", "region": "eu-west-1"},
        },
        "response": role(key_id),
    }


async def found(environ, exchanges=(), **wanted):
    recorded = Recorded(list(exchanges))
    aws = Aws(clock=clock, environ={"HOME": "/nowhere", **environ}, transport=Transport(recorded))
    try:
        return await aws.keys(Sigv4Config(**wanted), "eu-west-1")
    finally:
        assert (recorded.mismatches, recorded.left) == ([], 0)


@pytest.fixture
def files(tmp_path):
    """A home with the shared files in it."""

    def write(credentials="", config=""):
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws" / "credentials").write_text(credentials)
        (tmp_path / ".aws" / "config").write_text(config)
        return {"HOME": str(tmp_path)}

    return write


KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "secret"}


async def test_keys_in_the_environment_come_first():
    environ = {**KEYS, "AWS_SESSION_TOKEN": "t", "AWS_WEB_IDENTITY_TOKEN_FILE": "/not/read"}
    keys = await found(environ)
    assert (keys.access_key_id, keys.secret_access_key, keys.session_token) == ("AKIAENV", "secret", "t")


async def test_a_pod_with_a_service_account_of_a_role_gets_its_keys_for_its_token(tmp_path):
    """IRSA: EKS mounts the token, which is read anew each time, because it is renewed every hour."""
    token = tmp_path / "token"
    environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": ROLE}
    for text in ("first", "second"):
        token.write_text(f"{text}\n")
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": ROLE,
            "RoleSessionName": "rollouts-analysis",
            "WebIdentityToken": text,
        }
        exchange = {"request": {"method": "POST", "url": STS, "form": form}, "response": role("ASIAWEB")}
        assert (await found(environ, [exchange])).access_key_id == "ASIAWEB"


async def test_a_role_of_the_metric_is_assumed_with_what_there_is():
    keys = await found(KEYS, [assumed("ASIAROLE")], role_arn=ROLE)
    assert (keys.access_key_id, keys.session_token) == ("ASIAROLE", "t")


async def test_a_profile_of_the_metric_comes_before_the_environment(files):
    environ = files("[ops]\naws_access_key_id = AKIAOPS\naws_secret_access_key = ops\n")
    keys = await found({**environ, **KEYS}, profile="ops")
    assert (keys.access_key_id, keys.secret_access_key) == ("AKIAOPS", "ops")


async def test_a_profile_with_a_role_assumes_it_with_the_keys_of_its_source(files):
    environ = files(
        "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base\n",
        f"[profile ops]\nrole_arn = {ROLE}\nsource_profile = base\nexternal_id = x1\n",
    )
    keys = await found({**environ, "AWS_PROFILE": "ops"}, [assumed("ASIAROLE", by="base", ExternalId="x1")])
    assert keys.access_key_id == "ASIAROLE"


async def test_the_default_profile_is_used_where_nothing_else_is_named(files):
    environ = files("[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = d\n")
    assert (await found(environ)).access_key_id == "AKIADEFAULT"


async def test_a_container_of_ecs_is_given_keys():
    exchange = {"request": {"url": "http://169.254.170.2/v2/creds"}, "response": {"json": GIVEN}}
    keys = await found({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/creds"}, [exchange])
    assert keys.access_key_id == "ASIAGIVEN"


async def test_a_pod_of_eks_is_given_keys_for_its_token(tmp_path):
    (tmp_path / "token").write_text("pod-token")
    url = "http://169.254.170.23/v1/credentials"
    environ = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
    }
    request = {"url": url, "headers": {"Authorization": "pod-token"}}
    assert (
        await found(environ, [{"request": request, "response": {"json": GIVEN}}])
    ).session_token == "token"


async def test_a_container_asks_no_stranger_without_tls():
    with pytest.raises(Unavailable, match="must be https, or an address of the machine itself"):
        await found({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/creds"})


async def test_a_machine_gives_the_keys_of_its_role():
    """IMDSv2: a session first, then the name of the role, then its keys."""
    session = {"headers": {"X-aws-ec2-metadata-token": "imds-token"}}
    roles = f"{IMDS}/meta-data/iam/security-credentials/"
    exchanges = [
        {
            "request": {
                "method": "PUT",
                "url": f"{IMDS}/api/token",
                "headers": {"X-aws-ec2-metadata-token-ttl-seconds": "60"},
            },
            "response": {"body": "imds-token"},
        },
        {"request": {"url": roles, **session}, "response": {"body": "node-role"}},
        {
            "request": {"url": f"{roles}node-role", **session},
            "response": {"json": {"Code": "Success", **GIVEN, "Expiration": "2026-01-31T18:00:00Z"}},
        },
    ]
    assert (await found({}, exchanges)).access_key_id == "ASIAGIVEN"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"AWS_EC2_METADATA_DISABLED": "true"}, "no AWS credentials: give the controller a role"),
        ({"AWS_PROFILE": "ops"}, 'AWS profile "ops" is in neither of the shared files; add it'),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token"}, "but not AWS_ROLE_ARN; set both"),
        (
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token", "AWS_ROLE_ARN": ROLE},
            "/nowhere/token cannot be read: FileNotFoundError",
        ),
    ],
)
async def test_what_is_missing_is_said(environ, message):
    with pytest.raises(Unavailable, match=message):
        await found(environ)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[profile ops]\nrole_arn = a\nsource_profile = ops\n", "is its own source_profile"),
        ("[profile ops]\nrole_arn = a\n", "role_arn needs source_profile"),
        ("[profile ops]\nregion = eu-west-1\n", "holds no keys and no role_arn; add them"),
        ("[profile ops]\ncredential_process = /bin/x\n", "credential_process is not supported"),
        ("aws_secret_access_key = hunter2\n", "config cannot be read: MissingSectionHeaderError"),
    ],
)
async def test_a_profile_that_is_of_no_use_says_why_and_shows_no_key(files, config, message):
    with pytest.raises(Unavailable, match=message) as caught:
        await found(files("", config), profile="ops")
    assert "hunter2" not in str(caught.value)


async def test_a_region_is_that_of_the_environment_or_of_the_profile(files):
    environ = files("", "[default]\nregion = eu-west-3\n")
    assert Aws(clock=clock, environ=environ).region() == "eu-west-3"
    assert Aws(clock=clock, environ={**environ, "AWS_DEFAULT_REGION": "us-east-2"}).region() == "us-east-2"
    with pytest.raises(Unavailable, match="set AWS_REGION for the controller"):
        Aws(clock=clock, environ={"HOME": "/nowhere"}).region()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("aps-workspaces.eu-west-1.amazonaws.com", ("aps", "eu-west-1")),
        ("vpce-1a.aps-workspaces.us-gov-west-1.vpce.amazonaws.com", ("aps", "us-gov-west-1")),
        ("monitoring.cn-north-1.amazonaws.com.cn", ("monitoring", "cn-north-1")),
        ("search-x.eu-central-1.es.amazonaws.com", ("es", "eu-central-1")),
        ("abc.lambda-url.eu-west-1.on.aws", ("lambda", "eu-west-1")),
        ("eu-west-1.amazonaws.com.example.com", ("", "")),
        ("prometheus.monitoring.svc", ("", "")),
    ],
)
def test_a_host_of_aws_tells_service_and_region(host, said):
    assert service_and_region(host) == said


def test_an_endpoint_can_be_named_for_one_service_or_for_all():
    assert endpoint("sts", "sts", "cn-north-1", {}) == "https://sts.cn-north-1.amazonaws.com.cn"
    environ = {"AWS_ENDPOINT_URL": "http://all/", "AWS_ENDPOINT_URL_STS": "http://sts"}
    assert endpoint("sts", "sts", "eu-west-1", environ) == "http://sts"
    assert endpoint("cloudwatch", "monitoring", "eu-west-1", environ) == "http://all"
