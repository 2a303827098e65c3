// Identity pools and STS as the AWS SDK for JavaScript knows them.
import assert from 'node:assert/strict';
import {
  CognitoIdentityClient, DescribeIdentityCommand, GetCredentialsForIdentityCommand, GetIdCommand, GetOpenIdTokenCommand,
  GetOpenIdTokenForDeveloperIdentityCommand, ListIdentitiesCommand, NotAuthorizedException, UnlinkIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import {
  AdminAddUserToGroupCommand, AdminConfirmSignUpCommand, AdminUpdateUserAttributesCommand, CognitoIdentityProviderClient,
  GlobalSignOutCommand, InitiateAuthCommand, ListUsersCommand, SignUpCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { fromCognitoIdentityPool } from '@aws-sdk/credential-providers';
import { altered, check, claims, refuses, shop } from './check.mjs';

const at = { endpoint: shop.url, region: shop.region };
const signing = ({ id, secret }) => ({ ...at, credentials: { accessKeyId: id, secretAccessKey: secret } });
const pools = new CognitoIdentityClient(at);
const users = new CognitoIdentityProviderClient(at);
const operator = new CognitoIdentityProviderClient(signing(shop.operator));
const poolOperator = new CognitoIdentityClient(signing(shop.operator));

const role = (name) => `arn:aws:iam::${shop.account}:role/${name}`;
const assumed = (name, session = 'CognitoIdentityCredentials') => `arn:aws:sts::${shop.account}:assumed-role/${name}/${session}`;
const logins = (token) => ({ [shop.loginKey]: token });
const getId = async (IdentityPoolId, Logins) => (await pools.send(new GetIdCommand({ IdentityPoolId, Logins }))).IdentityId;
const getCredentials = (IdentityId, Logins, more) => pools.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins, ...more }));
const exchange = async (pool, l) => getCredentials(await getId(pool, l), l);

// caller is the ARN of who signs with credentials.
async function caller(credentials) {
  const c = credentials.SecretKey
    ? { accessKeyId: credentials.AccessKeyId, secretAccessKey: credentials.SecretKey, sessionToken: credentials.SessionToken }
    : credentials;
  const out = await new STSClient({ ...at, credentials: c }).send(new GetCallerIdentityCommand({}));
  assert.equal(out.Account, shop.account);
  return out.Arn;
}

// user makes a user who can sign in.
async function user(Username) {
  await users.send(new SignUpCommand({
    ClientId: shop.client, Username, Password: shop.password, UserAttributes: [{ Name: 'email', Value: `${Username}@shop.example` }],
  }));
  await operator.send(new AdminConfirmSignUpCommand({ UserPoolId: shop.userPool, Username }));
}
const signIn = async (USERNAME) => (await users.send(new InitiateAuthCommand({
  AuthFlow: 'USER_PASSWORD_AUTH', ClientId: shop.client, AuthParameters: { USERNAME, PASSWORD: shop.password },
}))).AuthenticationResult;

const guest = await check('gives guests credentials', async () => {
  const got = await exchange(shop.rulesPool);
  assert.ok(got.Credentials.Expiration instanceof Date);
  assert.ok(Math.abs(got.Credentials.Expiration - Date.now() - 3_600_000) < 60_000, `${got.Credentials.Expiration}`);
  assert.equal(await caller(got.Credentials), assumed('Guest'));
  assert.notEqual((await exchange(shop.rulesPool)).IdentityId, got.IdentityId, 'another guest is somebody else');
  return got;
});
const closed = await refuses('guests where there are none', 'NotAuthorizedException', () => exchange(shop.closedPool), 'Unauthenticated access is not supported');
await check('has the exceptions of the model', () => assert.ok(closed instanceof NotAuthorizedException));
await refuses('a pool that is not there', 'ResourceNotFoundException', () => getId('us-east-1:00000000-95d3-4a47-9c67-000000000009'));
await refuses('a malformed pool', 'InvalidParameterException', () => getId('nonsense!'));
await refuses('a role that a guest chooses', 'NotAuthorizedException', () => getCredentials(guest.IdentityId, undefined, { CustomRoleArn: role('Shopper') }));

await user('jane');
const token = (await signIn('jane')).IdToken;
const identity = await check('exchanges a login', async () => {
  const got = await exchange(shop.rulesPool, logins(token));
  assert.equal(await caller(got.Credentials), assumed('Shopper'));
  return got.IdentityId;
});
await refuses('the identity without its login', 'NotAuthorizedException', () => getCredentials(identity));
await refuses("the identity with another's login", 'NotAuthorizedException', async () => {
  await user('eve');
  return getCredentials(identity, logins((await signIn('eve')).IdToken));
});
await check('chooses the role by a rule', async () => {
  await operator.send(new AdminUpdateUserAttributesCommand({
    UserPoolId: shop.userPool, Username: 'jane', UserAttributes: [{ Name: 'custom:dept', Value: 'sales' }],
  }));
  const got = await exchange(shop.rulesPool, logins((await signIn('jane')).IdToken));
  assert.equal(got.IdentityId, identity);
  assert.equal(await caller(got.Credentials), assumed('Seller'));
});
await refuses('who has no group where that gives the role', 'NotAuthorizedException', () => exchange(shop.tokenPool, logins(token)));
const staff = await check('chooses the role by the token', async () => {
  await operator.send(new AdminAddUserToGroupCommand({ UserPoolId: shop.userPool, Username: 'jane', GroupName: 'staff' }));
  const fresh = (await signIn('jane')).IdToken;
  const got = await exchange(shop.tokenPool, logins(fresh));
  assert.equal(await caller(got.Credentials), assumed('Staff'));
  return { login: logins(fresh), id: got.IdentityId };
});
await refuses('a token that is altered', 'NotAuthorizedException', () => exchange(shop.rulesPool, logins(altered(token))), "Couldn't verify signed token.");
await refuses('an access token', 'NotAuthorizedException', async () => exchange(shop.rulesPool, logins((await signIn('jane')).AccessToken)), 'Invalid login token.');
await refuses('a provider that is not of the pool', 'NotAuthorizedException', () => exchange(shop.rulesPool, { 'accounts.google.com': token }));

await check('is a provider of credentials for guests', async () => {
  const provide = fromCognitoIdentityPool({ identityPoolId: shop.rulesPool, clientConfig: at });
  const got = await provide();
  assert.match(got.identityId, /^us-east-1:/);
  assert.ok(got.expiration instanceof Date);
  assert.equal(await caller(provide), assumed('Guest'));
});
await check('is a provider of credentials for logins', async () => {
  const fresh = async () => (await signIn('jane')).IdToken;
  const provide = fromCognitoIdentityPool({ identityPoolId: shop.rulesPool, logins: { [shop.loginKey]: fresh }, clientConfig: at });
  assert.equal((await provide()).identityId, identity);
  assert.equal(await caller(provide), assumed('Seller'));
});
await refuses('a provider of credentials without a login', 'NotAuthorizedException',
  () => fromCognitoIdentityPool({ identityPoolId: shop.closedPool, clientConfig: at })());

const sts = new STSClient(at);
const assume = (name, WebIdentityToken, more) => sts.send(new AssumeRoleWithWebIdentityCommand({
  RoleArn: role(name), RoleSessionName: 'app1', WebIdentityToken, ...more,
}));
const openId = async (IdentityId, Logins) => (await pools.send(new GetOpenIdTokenCommand({ IdentityId, Logins }))).Token;
const own = await check('gives a token for STS', async () => {
  const t = await openId(staff.id, staff.login);
  assert.equal(claims(t).aud, shop.tokenPool);
  assert.equal(claims(t).sub, staff.id);
  assert.equal(claims(t).exp - claims(t).iat, 600);
  return t;
});
await check('assumes a role with it', async () => {
  const out = await assume('Basic', own, { DurationSeconds: 900 });
  assert.equal(out.AssumedRoleUser.Arn, assumed('Basic', 'app1'));
  assert.equal(out.SubjectFromWebIdentityToken, staff.id);
  assert.equal(out.Audience, shop.tokenPool);
  assert.equal(out.Provider, 'cognito-identity.amazonaws.com');
  const c = out.Credentials;
  assert.ok(Math.abs(c.Expiration - Date.now() - 900_000) < 60_000, `${c.Expiration}`);
  assert.equal(await caller({ accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretAccessKey, sessionToken: c.SessionToken }), assumed('Basic', 'app1'));
});
await refuses('a role of another pool', 'AccessDenied', () => assume('Shopper', own), 'Not authorized to perform sts:AssumeRoleWithWebIdentity');
await refuses('a role that is not there', 'AccessDenied', () => assume('NoSuchRole', own), 'Not authorized to perform sts:AssumeRoleWithWebIdentity');
await refuses('an altered token at STS', 'InvalidIdentityTokenException', () => assume('Basic', altered(own)));
await refuses('too long a session', 'ValidationError', () => assume('Basic', own, { DurationSeconds: 50_000 }));
await refuses('a token for STS where the flow is off', 'InvalidParameterException', () => openId(identity, logins(token)), 'Basic (classic) flow is not enabled');

const keys = guest.Credentials;
await refuses('a secret key that is altered', 'SignatureDoesNotMatch', () => caller({ ...keys, SecretKey: altered(keys.SecretKey) }));
await refuses('a session token that is altered', 'InvalidClientTokenId', () => caller({ ...keys, SessionToken: altered(keys.SessionToken) }));
await refuses("another session's token", 'InvalidClientTokenId', async () => {
  const other = (await exchange(shop.rulesPool)).Credentials;
  return caller({ ...keys, SessionToken: other.SessionToken });
});

const developer = (client, user) => client.send(new GetOpenIdTokenForDeveloperIdentityCommand({
  IdentityPoolId: shop.rulesPool, Logins: { [shop.developers]: user }, TokenDuration: 600,
}));
await check("takes a developer's word for a user", async () => {
  const { IdentityId, Token } = await developer(poolOperator, 'u-1');
  const got = await getCredentials(IdentityId, { 'cognito-identity.amazonaws.com': Token });
  assert.equal(await caller(got.Credentials), assumed('Shopper'));
  assert.equal((await developer(poolOperator, 'u-1')).IdentityId, IdentityId);
  const described = await poolOperator.send(new DescribeIdentityCommand({ IdentityId }));
  assert.deepEqual(described.Logins, [shop.developers]);
  assert.ok(Math.abs(described.CreationDate - Date.now()) < 60_000, `${described.CreationDate}`);
});
await refuses('a developer who may not', 'AccessDeniedException', () => developer(new CognitoIdentityClient(signing(shop.viewer)), 'u-1'),
  'is not authorized to perform: cognito-identity:GetOpenIdTokenForDeveloperIdentity');
await refuses("a developer's user without a signature", 'InvalidParameterException', () => getId(shop.rulesPool, { [shop.developers]: 'u-1' }));

await check('lists for who may', async () => {
  const viewer = new CognitoIdentityClient(signing(shop.viewer));
  const all = (await viewer.send(new ListIdentitiesCommand({ IdentityPoolId: shop.rulesPool, MaxResults: 60 }))).Identities;
  assert.deepEqual(all.find((i) => i.IdentityId === identity).Logins, [shop.loginKey]);
});
await refuses('a stranger', 'UnrecognizedClientException', () => new CognitoIdentityProviderClient(signing({ id: 'AKIANOBODY0000000001', secret: 'x' }))
  .send(new ListUsersCommand({ UserPoolId: shop.userPool })));
await refuses('a guest who would list users', 'AccessDeniedException', () => new CognitoIdentityProviderClient({
  ...at, credentials: { accessKeyId: keys.AccessKeyId, secretAccessKey: keys.SecretKey, sessionToken: keys.SessionToken },
}).send(new ListUsersCommand({ UserPoolId: shop.userPool })));

await refuses('a signature for another region', 'InvalidSignatureException', () => new CognitoIdentityProviderClient({ ...signing(shop.viewer), region: 'eu-west-1' })
  .send(new ListUsersCommand({ UserPoolId: shop.userPool })), 'region');
await check('takes the endpoint of the environment', async () => {
  process.env.AWS_ENDPOINT_URL = shop.url;
  const out = await new CognitoIdentityClient({ region: shop.region }).send(new GetIdCommand({ IdentityPoolId: shop.rulesPool }));
  assert.match(out.IdentityId, /^us-east-1:/);
});
for (const AuthFlow of ['CUSTOM_AUTH', 'USER_AUTH']) {
  await refuses(`the flow ${AuthFlow}`, 'InvalidParameterException', () => users.send(new InitiateAuthCommand({
    AuthFlow, ClientId: shop.client, AuthParameters: { USERNAME: 'jane' },
  })));
}

await check('unlinks a login', async () => {
  const l = logins((await signIn('jane')).IdToken);
  await pools.send(new UnlinkIdentityCommand({ IdentityId: identity, Logins: l, LoginsToRemove: [shop.loginKey] }));
  assert.notEqual(await getId(shop.rulesPool, l), identity);
});
await refuses('a login of who signed out', 'NotAuthorizedException', async () => {
  const t = await signIn('jane');
  await users.send(new GlobalSignOutCommand({ AccessToken: t.AccessToken }));
  return exchange(shop.rulesPool, logins(t.IdToken));
}, 'Token is inactive');
