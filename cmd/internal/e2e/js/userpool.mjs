// A user pool as amazon-cognito-identity-js knows it.
import assert from 'node:assert/strict';
import {
  AuthenticationDetails, CognitoRefreshToken, CognitoUser, CognitoUserAttribute, CognitoUserPool,
} from 'amazon-cognito-identity-js';
import {
  AdminCreateUserCommand, CognitoIdentityProviderClient, InitiateAuthCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { altered, check, mailed, refuses, shop, totp } from './check.mjs';

const open = (ClientId) => new CognitoUserPool({ UserPoolId: shop.userPool, ClientId, endpoint: shop.url });
const pool = open(shop.client);
const called = (run) => new Promise((resolve, reject) => run((err, value) => (err ? reject(err) : resolve(value))));
const email = (Value) => [new CognitoUserAttribute({ Name: 'email', Value })];
const userOf = (Username, Pool = pool) => new CognitoUser({ Username, Pool });
const signUp = (name, password, address) => called((back) => pool.signUp(name, password, email(address), null, back));

// signIn resolves with the session, or with the challenge that is met.
function signIn(user, Username, Password) {
  return new Promise((onSuccess, onFailure) => {
    user.authenticateUser(new AuthenticationDetails({ Username, Password }), {
      onSuccess,
      onFailure,
      totpRequired: (challenge) => onSuccess({ challenge }),
      newPasswordRequired: (attributes, required) => onSuccess({ challenge: 'NEW_PASSWORD_REQUIRED', attributes, required }),
    });
  });
}
const enter = (name, password, Pool) => signIn(userOf(name, Pool), name, password);
const other = 'Other-Horse-10';

await check('signs up', async () => {
  const out = await signUp('jane', shop.password, 'jane@shop.example');
  assert.match(out.userSub, /^[0-9a-f-]{36}$/);
  assert.equal(out.userConfirmed, false);
  assert.deepEqual(out.codeDeliveryDetails, { AttributeName: 'email', DeliveryMedium: 'EMAIL', Destination: out.codeDeliveryDetails.Destination });
  assert.doesNotMatch(out.codeDeliveryDetails.Destination, /jane@shop/);
});
await refuses('a taken name', 'UsernameExistsException', () => signUp('jane', shop.password, 'other@shop.example'));
await refuses('a weak password', 'InvalidPasswordException', () => signUp('john', 'short', 'john@shop.example'));
await refuses('an unconfirmed user', 'UserNotConfirmedException', () => enter('jane', shop.password));
await refuses('a wrong code of a sign-up', 'CodeMismatchException', () => called((back) => userOf('jane').confirmRegistration('wrong', false, back)));
await check('confirms a sign-up', async () => {
  const again = await called((back) => userOf('jane').resendConfirmationCode(back));
  assert.equal(again.CodeDeliveryDetails.DeliveryMedium, 'EMAIL');
  assert.equal(await called(async (back) => userOf('jane').confirmRegistration(await mailed('jane@shop.example', 2), false, back)), 'SUCCESS');
});

const jane = userOf('jane');
const session = await check('signs in with SRP', async () => {
  const s = await signIn(jane, 'jane', shop.password);
  assert.ok(s.isValid(), 'the client takes the tokens to be good');
  const id = s.getIdToken().payload;
  assert.equal(id.aud, shop.client);
  assert.equal(id.iss, `${shop.url}/${shop.userPool}`);
  assert.equal(id['cognito:username'], 'jane');
  assert.equal(id.email_verified, true);
  assert.equal(s.getAccessToken().payload.token_use, 'access');
  return s;
});
await check('signs in with the address', async () => {
  const s = await enter('jane@shop.example', shop.password);
  assert.equal(s.getIdToken().payload.sub, session.getIdToken().payload.sub);
});
await check('signs in with a password', async () => {
  const user = userOf('jane');
  user.setAuthenticationFlowType('USER_PASSWORD_AUTH');
  assert.ok((await signIn(user, 'jane', shop.password)).isValid());
});
const refusal = await refuses('a wrong password', 'NotAuthorizedException', () => enter('jane', `${shop.password}x`), 'Incorrect username or password.');
await refuses('an unknown user', 'UserNotFoundException', () => enter('nobody', shop.password));
await refuses('an unknown user without saying so', 'NotAuthorizedException', () => enter('nobody', shop.password, open(shop.quietClient)), refusal?.message);
await refuses('an unknown client', 'ResourceNotFoundException', () => enter('jane', shop.password, open('unknown')));

await check('refreshes', async () => {
  const fresh = await called((back) => jane.refreshSession(session.getRefreshToken(), back));
  assert.notEqual(fresh.getAccessToken().getJwtToken(), session.getAccessToken().getJwtToken());
  for (const name of ['sub', 'auth_time', 'origin_jti']) assert.equal(fresh.getIdToken().payload[name], session.getIdToken().payload[name], name);
});
await check('finds the session in its storage', async () => {
  const found = await called((back) => pool.getCurrentUser().getSession(back));
  assert.ok(found.isValid());
});
await check('reads and writes attributes', async () => {
  assert.equal(await called((back) => jane.updateAttributes([new CognitoUserAttribute({ Name: 'name', Value: 'Jane' })], back)), 'SUCCESS');
  const all = Object.fromEntries((await called((back) => jane.getUserAttributes(back))).map((a) => [a.Name, a.Value]));
  assert.deepEqual(all, { sub: session.getIdToken().payload.sub, email: 'jane@shop.example', email_verified: 'true', name: 'Jane' });
});
await refuses('to write what roles are chosen by', 'NotAuthorizedException',
  () => called((back) => jane.updateAttributes([new CognitoUserAttribute({ Name: 'custom:dept', Value: 'sales' })], back)));

await refuses('to change a password without the old one', 'NotAuthorizedException', () => called((back) => jane.changePassword('Wrong-Horse-9', other, back)));
await check('changes the password', async () => {
  assert.equal(await called((back) => jane.changePassword(shop.password, other, back)), 'SUCCESS');
  assert.ok((await enter('jane', other)).isValid());
});
await refuses('the password of before', 'NotAuthorizedException', () => enter('jane', shop.password));

const confirm = (code, password) => new Promise((onSuccess, onFailure) => userOf('jane').confirmPassword(code, password, { onSuccess, onFailure }));
await check('sends a code for a forgotten password', async () => {
  const sent = await new Promise((onSuccess, onFailure) => userOf('jane').forgotPassword({ onSuccess, onFailure }));
  assert.equal(sent.CodeDeliveryDetails.AttributeName, 'email');
});
await refuses('a wrong code for a forgotten password', 'CodeMismatchException', () => confirm('wrong', shop.password));
await check('sets a forgotten password', async () => {
  assert.equal(await confirm(await mailed('jane@shop.example', 3), shop.password), 'SUCCESS');
  assert.ok((await signIn(jane, 'jane', shop.password)).isValid());
});
await refuses('the password that was forgotten', 'NotAuthorizedException', () => enter('jane', other));

const secret = await check('sets up an authenticator', async () => {
  const code = await new Promise((associateSecretCode, onFailure) => jane.associateSoftwareToken({ associateSecretCode, onFailure }));
  await new Promise((onSuccess, onFailure) => jane.verifySoftwareToken(totp(code), 'phone', { onSuccess, onFailure }));
  assert.equal(await called((back) => jane.setUserMfaPreference(null, { Enabled: true, PreferredMfa: true }, back)), 'SUCCESS');
  return code;
});
const answer = (user, code) => new Promise((onSuccess, onFailure) => user.sendMFACode(code, { onSuccess, onFailure }, 'SOFTWARE_TOKEN_MFA'));
const second = userOf('jane');
await check('asks for a code after SRP', async () => {
  assert.deepEqual(await signIn(second, 'jane', shop.password), { challenge: 'SOFTWARE_TOKEN_MFA' });
});
// Any but the three that the server may take now.
const wrong = ['000000', '111111', '222222', '333333'].find((code) => ![-1, 0, 1, 2].some((at) => totp(secret, at) === code));
await refuses('a wrong code of an authenticator', 'CodeMismatchException', () => answer(second, wrong));
const right = totp(secret, 1);
await check('signs in with the right one', async () => {
  const s = await answer(second, right);
  assert.ok(s.isValid());
  assert.equal(s.getIdToken().payload['cognito:username'], 'jane');
});
const third = userOf('jane');
await check('asks for a code each time', async () => {
  assert.deepEqual(await signIn(third, 'jane', shop.password), { challenge: 'SOFTWARE_TOKEN_MFA' });
});
await refuses('a code that was used', 'ExpiredCodeException', () => answer(third, right));
await check('knows of the authenticator', async () => {
  const known = await called((back) => jane.getUserData(back, { bypassCache: true }));
  assert.deepEqual(known.UserMFASettingList, ['SOFTWARE_TOKEN_MFA']);
});

const idp = new CognitoIdentityProviderClient({
  endpoint: shop.url, region: shop.region, credentials: { accessKeyId: shop.operator.id, secretAccessKey: shop.operator.secret },
});
const kim = userOf('kim');
await check('asks for a new password', async () => {
  await idp.send(new AdminCreateUserCommand({
    UserPoolId: shop.userPool, Username: 'kim', TemporaryPassword: 'Temporary-Horse-9', MessageAction: 'SUPPRESS',
    UserAttributes: [{ Name: 'email', Value: 'kim@shop.example' }],
  }));
  const met = await signIn(kim, 'kim', 'Temporary-Horse-9');
  assert.equal(met.challenge, 'NEW_PASSWORD_REQUIRED');
  assert.equal(met.attributes.email, 'kim@shop.example');
  assert.deepEqual(met.required, []);
});
await check('takes a new password', async () => {
  const s = await new Promise((onSuccess, onFailure) => kim.completeNewPasswordChallenge(shop.password, {}, { onSuccess, onFailure }));
  assert.ok(s.isValid());
  assert.ok((await enter('kim', shop.password)).isValid());
});
await refuses('the temporary password afterwards', 'NotAuthorizedException', () => enter('kim', 'Temporary-Horse-9'));

// Not with refreshSession: it repeats whatever is refused for seconds.
const refresh = (REFRESH_TOKEN) => idp.send(new InitiateAuthCommand({
  AuthFlow: 'REFRESH_TOKEN_AUTH', ClientId: shop.client, AuthParameters: { REFRESH_TOKEN },
}));
await check('signs out at one place', async () => {
  const here = userOf('kim');
  const gone = (await signIn(here, 'kim', shop.password)).getRefreshToken();
  assert.ok(gone instanceof CognitoRefreshToken);
  await new Promise((done) => here.signOut(done));
  assert.equal(here.getSignInUserSession(), null);
  const e = await refresh(gone.getToken()).then(() => assert.fail('it was allowed'), (e) => e);
  assert.equal(e.name, 'NotAuthorizedException', e.stack);
  assert.ok((await refresh(kim.getSignInUserSession().getRefreshToken().getToken())).AuthenticationResult.AccessToken, 'the other sign-in is there');
});
const last = kim.getSignInUserSession();
await check('signs out everywhere', async () => {
  assert.equal(await new Promise((onSuccess, onFailure) => kim.globalSignOut({ onSuccess, onFailure })), 'SUCCESS');
});
await refuses('the refresh token afterwards', 'NotAuthorizedException', () => refresh(last.getRefreshToken().getToken()));
await refuses('the access token afterwards', 'NotAuthorizedException', () => {
  const user = userOf('kim');
  user.setSignInUserSession(last);
  return called((back) => user.getUserData(back, { bypassCache: true }));
});
await refuses('a refresh token that is altered', 'NotAuthorizedException', () => refresh(altered(last.getRefreshToken().getToken())));
await check('deletes a user', async () => {
  const user = userOf('kim');
  await signIn(user, 'kim', shop.password);
  assert.equal(await called((back) => user.deleteUser(back)), 'SUCCESS');
});
await refuses('a user who was deleted', 'UserNotFoundException', () => enter('kim', shop.password));
