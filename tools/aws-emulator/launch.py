"""Starts ministack, set right where it would not do for our tests.

- Every listener is on loopback. BIND_HOST says where its HTTP server listens, but its MQTT broker listens on all
  interfaces whatever that says, and a broker of a test has nothing to do there.
- A call that attaches something to a certificate is checked on the certificate, as in AWS
  (docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html): ministack takes the resource from the
  path, where the certificate is not.
"""

import json
from asyncio import base_events

from ministack.app import main
from ministack.core import iam_actions

create_server = base_events.BaseEventLoop.create_server
extract_resource_arn = iam_actions.extract_resource_arn


async def create_server_on_loopback(self, protocol_factory, host=None, port=None, **options):
    if options.get("sock") is None:
        host = "127.0.0.1"
    return await create_server(self, protocol_factory, host, port, **options)


def named_certificate(method, path, headers, body):
    """The certificate that a call names beside its path; None when it names none."""
    parts = path.strip("/").split("/")
    by_header = (parts[0] == "things" and parts[2:] == ["principals"] and method in ("PUT", "DELETE")) or parts == [
        "principals",
        "things",
    ]
    if by_header:
        return headers.get("x-amzn-principal")
    if parts[0] == "target-policies" and method in ("PUT", "POST"):
        return json.loads(body or b"{}").get("target")
    return None


def extract_resource_arn_as_aws(service, method, path, headers, body, query_params, region, account_id):
    certificate = named_certificate(method, path, headers, body) if service == "iot" else None
    if certificate is not None:
        return certificate
    return extract_resource_arn(service, method, path, headers, body, query_params, region, account_id)


base_events.BaseEventLoop.create_server = create_server_on_loopback
iam_actions.extract_resource_arn = extract_resource_arn_as_aws
main()
