"""The services as boto3 knows them."""

import datetime
import urllib.request

from botocore.exceptions import ClientError

from check import altered, check, client, mailed, refuses, secret_hash, shop, totp

POOL, CLIENT, PASSWORD, KEY = shop["userPool"], shop["client"], shop["password"], shop["loginKey"]
operator = (shop["operator"]["id"], shop["operator"]["secret"])
viewer = (shop["viewer"]["id"], shop["viewer"]["secret"])
users, pools, sts = client("cognito-idp"), client("cognito-identity"), client("sts")
admin = client("cognito-idp", *operator)


def recent(at, seconds=60):
    """botocore made a time of it, with a zone, and it is near now."""
    assert isinstance(at, datetime.datetime) and at.tzinfo is not None, at
    assert abs((at - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < seconds, at
    return True


def near(at, seconds):
    return recent(at - datetime.timedelta(seconds=seconds))


def sign_in(username, password=PASSWORD):
    return users.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH", ClientId=CLIENT, AuthParameters={"USERNAME": username, "PASSWORD": password}
    )


def logins(username):
    return {KEY: sign_in(username)["AuthenticationResult"]["IdToken"]}


def exchange(pool, given=None):
    more = {"Logins": given} if given else {}
    found = pools.get_id(IdentityPoolId=pool, **more)["IdentityId"]
    return pools.get_credentials_for_identity(IdentityId=found, **more)


def caller(c):
    """The ARN of who signs with credentials of STS or of an identity pool."""
    signed = client("sts", c["AccessKeyId"], c.get("SecretAccessKey") or c["SecretKey"], c["SessionToken"])
    got = signed.get_caller_identity()
    assert got["Account"] == shop["account"], got
    return got["Arn"]


def assumed(role, session="CognitoIdentityCredentials"):
    return "arn:aws:sts::%s:assumed-role/%s/%s" % (shop["account"], role, session)


# User pool.


@check("signs up and confirms")
def _():
    made = users.sign_up(
        ClientId=CLIENT, Username="jane", Password=PASSWORD, UserAttributes=[{"Name": "email", "Value": "jane@shop.example"}]
    )
    assert made["UserConfirmed"] is False and made["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL", made
    users.confirm_sign_up(ClientId=CLIENT, Username="jane", ConfirmationCode=mailed("jane@shop.example"))


@check("signs in with a password")
def tokens():
    got = sign_in("jane")["AuthenticationResult"]
    assert (got["TokenType"], got["ExpiresIn"]) == ("Bearer", 3600), got
    return got


refuses("a wrong password", "NotAuthorizedException", lambda: sign_in("jane", "Wrong-Horse-9"), "Incorrect username or password.")
refuses("an unknown user", "UserNotFoundException", lambda: sign_in("nobody"))
refuses(
    "a taken name",
    "UsernameExistsException",
    lambda: users.sign_up(
        ClientId=CLIENT, Username="jane", Password=PASSWORD, UserAttributes=[{"Name": "email", "Value": "x@shop.example"}]
    ),
)


@check("refreshes, and has the exceptions of the model")
def _():
    flow = {"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": CLIENT}
    got = users.initiate_auth(AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}, **flow)["AuthenticationResult"]
    assert "RefreshToken" not in got
    try:
        users.initiate_auth(AuthParameters={"REFRESH_TOKEN": altered(tokens["RefreshToken"])}, **flow)
    except users.exceptions.NotAuthorizedException:
        return
    raise AssertionError("it was allowed")


@check("sets up an authenticator, and asks for its code")
def _():
    token = tokens["AccessToken"]
    secret = users.associate_software_token(AccessToken=token)["SecretCode"]
    assert users.verify_software_token(AccessToken=token, UserCode=totp(secret))["Status"] == "SUCCESS"
    users.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    met = sign_in("jane")
    assert met["ChallengeName"] == "SOFTWARE_TOKEN_MFA" and "AuthenticationResult" not in met, met
    answer = {"USERNAME": met["ChallengeParameters"]["USER_ID_FOR_SRP"], "SOFTWARE_TOKEN_MFA_CODE": totp(secret, 1)}
    got = users.respond_to_auth_challenge(
        ChallengeName="SOFTWARE_TOKEN_MFA", ClientId=CLIENT, Session=met["Session"], ChallengeResponses=answer
    )
    assert got["AuthenticationResult"]["IdToken"]
    users.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": False, "PreferredMfa": False})
    assert "AuthenticationResult" in sign_in("jane")


# Administration.


@check("makes a user, who sets a password")
def _():
    made = admin.admin_create_user(
        UserPoolId=POOL, Username="kim", UserAttributes=[{"Name": "email", "Value": "kim@shop.example"}]
    )["User"]
    assert made["UserStatus"] == "FORCE_CHANGE_PASSWORD" and recent(made["UserCreateDate"]), made
    met = sign_in("kim", mailed("kim@shop.example"))
    assert met["ChallengeName"] == "NEW_PASSWORD_REQUIRED", met
    users.respond_to_auth_challenge(
        ChallengeName="NEW_PASSWORD_REQUIRED",
        ClientId=CLIENT,
        Session=met["Session"],
        ChallengeResponses={"USERNAME": "kim", "NEW_PASSWORD": PASSWORD},
    )
    found = admin.admin_get_user(UserPoolId=POOL, Username="kim")
    assert found["UserStatus"] == "CONFIRMED" and recent(found["UserLastModifiedDate"]), found


@check("lists users, page by page")
def _():
    pages = admin.get_paginator("list_users").paginate(UserPoolId=POOL, PaginationConfig={"PageSize": 1})
    assert sorted(u["Username"] for page in pages for u in page["Users"]) == ["jane", "kim"]


@check("signs in with the secret of a client")
def _():
    flow = {"UserPoolId": POOL, "ClientId": shop["backend"]["id"], "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
    given = {"USERNAME": "kim", "PASSWORD": PASSWORD}
    try:
        admin.admin_initiate_auth(AuthParameters=given, **flow)
    except ClientError as e:
        assert e.response["Error"]["Code"] == "NotAuthorizedException", e
    else:
        raise AssertionError("it was allowed without the secret")
    given["SECRET_HASH"] = secret_hash("kim", shop["backend"]["id"], shop["backend"]["secret"])
    assert admin.admin_initiate_auth(AuthParameters=given, **flow)["AuthenticationResult"]["AccessToken"]


refuses(
    "an administrator who may not",
    "AccessDeniedException",
    lambda: client("cognito-idp", *viewer).admin_delete_user(UserPoolId=POOL, Username="kim"),
    "is not authorized to perform: cognito-idp:AdminDeleteUser",
)
refuses(
    "a wrong signature",
    "InvalidSignatureException",
    lambda: client("cognito-idp", viewer[0], operator[1]).list_users(UserPoolId=POOL),
)
refuses("an unknown key", "UnrecognizedClientException", lambda: client("cognito-idp", "AKIANOBODY0000000001", "x").list_users(UserPoolId=POOL))
refuses(
    "what is not signed",
    "MissingAuthenticationTokenException",
    lambda: users.list_users(UserPoolId=POOL),
)
refuses("what the bundle says", "NotAuthorizedException", lambda: admin.create_user_pool(PoolName="new"), "come from its bundle")


# Identity pools.


@check("gives guests credentials")
def guest():
    got = exchange(shop["rulesPool"])
    assert near(got["Credentials"]["Expiration"], 3600), got["Credentials"]["Expiration"]
    assert caller(got["Credentials"]) == assumed("Guest")
    assert exchange(shop["rulesPool"])["IdentityId"] != got["IdentityId"]
    return got


refuses("guests where there are none", "NotAuthorizedException", lambda: exchange(shop["closedPool"]), "Unauthenticated access is not supported")
refuses("a pool that is not there", "ResourceNotFoundException", lambda: exchange("us-east-1:00000000-95d3-4a47-9c67-000000000009"))
refuses("a malformed pool", "InvalidParameterException", lambda: exchange("nonsense!"))


@check("exchanges a login")
def identity():
    got = exchange(shop["rulesPool"], logins("jane"))
    assert caller(got["Credentials"]) == assumed("Shopper")
    return got["IdentityId"]


@check("chooses the role by a rule, and by the token")
def _():
    admin.admin_update_user_attributes(UserPoolId=POOL, Username="jane", UserAttributes=[{"Name": "custom:dept", "Value": "sales"}])
    got = exchange(shop["rulesPool"], logins("jane"))
    assert (got["IdentityId"], caller(got["Credentials"])) == (identity, assumed("Seller"))
    admin.admin_add_user_to_group(UserPoolId=POOL, Username="jane", GroupName="staff")
    assert caller(exchange(shop["tokenPool"], logins("jane"))["Credentials"]) == assumed("Staff")


refuses("who has no group where that gives the role", "NotAuthorizedException", lambda: exchange(shop["tokenPool"], logins("kim")))
refuses("an identity without its login", "NotAuthorizedException", lambda: pools.get_credentials_for_identity(IdentityId=identity))
refuses("a token that is altered", "NotAuthorizedException", lambda: exchange(shop["rulesPool"], {KEY: altered(tokens["IdToken"])}))


@check("takes a developer's word for a user")
def _():
    developer = client("cognito-identity", *operator)
    got = developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=shop["rulesPool"], Logins={shop["developers"]: "u-1"}, TokenDuration=600
    )
    c = pools.get_credentials_for_identity(IdentityId=got["IdentityId"], Logins={"cognito-identity.amazonaws.com": got["Token"]})
    assert caller(c["Credentials"]) == assumed("Shopper")
    described = developer.describe_identity(IdentityId=got["IdentityId"])
    assert described["Logins"] == [shop["developers"]] and recent(described["CreationDate"]), described


# The basic flow, and STS.


def assume(role, token, **more):
    return sts.assume_role_with_web_identity(
        RoleArn="arn:aws:iam::%s:role/%s" % (shop["account"], role), RoleSessionName="app1", WebIdentityToken=token, **more
    )


@check("assumes a role with the token of a pool")
def own():
    given = logins("jane")
    found = pools.get_id(IdentityPoolId=shop["tokenPool"], Logins=given)["IdentityId"]
    token = pools.get_open_id_token(IdentityId=found, Logins=given)["Token"]
    got = assume("Basic", token, DurationSeconds=900)
    assert got["AssumedRoleUser"]["Arn"] == assumed("Basic", "app1"), got["AssumedRoleUser"]
    assert (got["SubjectFromWebIdentityToken"], got["Audience"]) == (found, shop["tokenPool"])
    assert near(got["Credentials"]["Expiration"], 900), got["Credentials"]["Expiration"]
    assert caller(got["Credentials"]) == assumed("Basic", "app1")
    return token


refuses("a role of another pool", "AccessDenied", lambda: assume("Shopper", own), "Not authorized to perform sts:AssumeRoleWithWebIdentity")
refuses("an altered token at STS", "InvalidIdentityToken", lambda: assume("Basic", altered(own)))
refuses("too long a session", "ValidationError", lambda: assume("Basic", own, DurationSeconds=50000))
refuses(
    "a secret key that is altered",
    "SignatureDoesNotMatch",
    lambda: caller({**guest["Credentials"], "SecretKey": altered(guest["Credentials"]["SecretKey"])}),
)
refuses(
    "a session token that is altered",
    "InvalidClientTokenId",
    lambda: caller({**guest["Credentials"], "SessionToken": altered(guest["Credentials"]["SessionToken"])}),
)


@check("answers a presigned question")
def _():
    c = guest["Credentials"]
    signed = client("sts", c["AccessKeyId"], c["SecretKey"], c["SessionToken"])
    url = signed.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    with urllib.request.urlopen(url) as answer:
        assert assumed("Guest") in answer.read().decode()


@check("signs out everywhere")
def gone():
    got = sign_in("jane")["AuthenticationResult"]
    users.global_sign_out(AccessToken=got["AccessToken"])
    return got["IdToken"]


refuses("a login of who signed out", "NotAuthorizedException", lambda: exchange(shop["rulesPool"], {KEY: gone}), "Token is inactive")
