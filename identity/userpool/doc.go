// Package userpool is a directory of users that speaks the popular part of
// Amazon Cognito user pools: sign-up and recovery by codes, sign-in with a
// password or SRP, TOTP as a second factor, groups, refresh tokens with
// rotation and revocation, and ID and access tokens that identity pools take.
//
// A Directory holds all user pools of a deployment. Each operation of the
// service model is a method with the model's input and output; errors are
// *identity.Error with the model's codes. Pools, clients and groups come from
// configuration; users live in an identity.Store.
//
// # What is kept
//
// A record for each user, one for each name that leads to a user, one for each
// sign-in and each refresh token, and short-lived ones for codes, counters and
// what may be used once. What changes together changes in one transaction, and
// an answer is given when it is durable. Of passwords there is an argon2id hash
// and, since SRP needs it and is guessed at the speed of SHA-256, a verifier
// that the Storage keyring seals; TOTP secrets are sealed too, codes are kept as
// MACs and refresh tokens as hashes. A challenge in progress is no record: the
// client carries it, sealed by the Sessions keyring, and what is stored is that
// it was used.
//
// # Names
//
// User names, and addresses as far as they are names, have one normal form:
// NFKC with case folded. It is what cognito:username holds.
//
// # Guessing
//
// Passwords are hashed and SRP is computed outside of transactions, a bounded
// number at once. Whether a guess counts, and whether it is still allowed, is
// decided in one transaction after that, so that guesses made at the same time
// are counted one after another. A client that hides which users exist gets the
// same answers, counters included, for names that nobody has. Differs from
// Cognito: an address from which a user signed in before has a counter of its
// own, so that nobody elsewhere can lock the user out. The address is that of
// identity.ClientFrom: behind a proxy it must be the user's, or not be set, as
// wrong guesses are counted by address too. Codes that would give a user an
// e-mail address are counted by that address as well, whoever guesses, and so
// are the mails to it.
//
// # The hosted page
//
// Authorize checks what an app asks of the authorization endpoint; its
// Authorization signs a user in by the code of InitiateAuth, for whoever shows
// the page, and ends in a code that Token redeems. A sign-in goes on where it
// began: the page's challenges are not answered at the API, nor the other way
// round. ID tokens hold all that the client may read, whatever the scope: who
// chooses the scope must not choose which claims policies see.
//
// # Differences from Cognito
//
// There are no triggers, SMS, devices or passkeys. Second factors are TOTP.
// User names are never case-sensitive. Sessions of AdminInitiateAuth are
// answered by AdminRespondToAuthChallenge alone. OAuth has the authorization
// code flow alone, always with PKCE, and userInfo shows with the scope openid no
// more than who the user is. An ID token has amr, with "mfa" in it, if a second
// factor was used. A new password ends all sign-ins but the one that set it.
package userpool
