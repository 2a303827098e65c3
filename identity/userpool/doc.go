// Package userpool is a directory of users that speaks the popular part of
// Amazon Cognito user pools: sign-up and recovery by codes, sign-in with a
// password or SRP, TOTP as a second factor, groups, refresh tokens with
// rotation and revocation, and ID and access tokens that identity pools take.
package userpool
