// A client whose clock is 20 minutes off.
import assert from 'node:assert/strict';
import { CognitoIdentityClient, GetCredentialsForIdentityCommand, GetIdCommand, ListIdentitiesCommand } from '@aws-sdk/client-cognito-identity';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { AuthenticationDetails, CognitoUser, CognitoUserPool } from 'amazon-cognito-identity-js';
import { check, refuses, shop } from './check.mjs';

const at = { endpoint: shop.url, region: shop.region };
const pools = new CognitoIdentityClient(at);

await check('signs by the clock of the server', async () => {
  const { IdentityId } = await pools.send(new GetIdCommand({ IdentityPoolId: shop.rulesPool }));
  const c = (await pools.send(new GetCredentialsForIdentityCommand({ IdentityId }))).Credentials;
  const sts = new STSClient({ ...at, credentials: { accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretKey, sessionToken: c.SessionToken } });
  const out = await sts.send(new GetCallerIdentityCommand({}));
  assert.match(out.Arn, /assumed-role\/Guest\//);
  assert.equal(out.$metadata.attempts, 2, 'after a first attempt by its own');
});
await check('signs JSON by the clock of the server', async () => {
  const operator = new CognitoIdentityClient({ ...at, credentials: { accessKeyId: shop.operator.id, secretAccessKey: shop.operator.secret } });
  const out = await operator.send(new ListIdentitiesCommand({ IdentityPoolId: shop.rulesPool, MaxResults: 1 }));
  assert.equal(out.$metadata.attempts, 2);
});
await refuses('SRP, like a wrong password', 'NotAuthorizedException', () => new Promise((onSuccess, onFailure) => {
  const user = new CognitoUser({ Username: 'jane', Pool: new CognitoUserPool({ UserPoolId: shop.userPool, ClientId: shop.client, endpoint: shop.url }) });
  user.authenticateUser(new AuthenticationDetails({ Username: 'jane', Password: shop.password }), { onSuccess, onFailure });
}), 'Incorrect username or password.');
