"""A client whose clock is 20 minutes off: botocore does not correct itself."""

from check import check, client, refuses, shop


@check("gives credentials")
def credentials():
    pools = client("cognito-identity")
    found = pools.get_id(IdentityPoolId=shop["rulesPool"])["IdentityId"]
    return pools.get_credentials_for_identity(IdentityId=found)["Credentials"]


signed = client("sts", credentials["AccessKeyId"], credentials["SecretKey"], credentials["SessionToken"])
refuses("their signature", "SignatureDoesNotMatch", signed.get_caller_identity, "15 min.")
operator = client("cognito-identity", shop["operator"]["id"], shop["operator"]["secret"])
refuses(
    "an administrator's signature",
    "InvalidSignatureException",
    lambda: operator.list_identities(IdentityPoolId=shop["rulesPool"], MaxResults=1),
    "15 min.",
)
