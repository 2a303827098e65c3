package userpool

import (
	"context"
	"net/url"
	"slices"

	"github.com/rowan-authz/rowan/identity"
)

// UserInfo answers the userInfo endpoint of a pool: what the scopes of an access
// token show of its user, of what the client may read. Verified addresses are
// the texts "true" and "false", as in Cognito. The scope openid alone shows sub
// and username. Errors of the client are *OAuthError. Source: identity-protocol
// §2.11; OpenID Connect Core 1.0 §5.3, §5.4.
func (d *Directory) UserInfo(ctx context.Context, poolID string, token Sensitive) (map[string]any, error) {
	c, err := d.caller(ctx, token)
	if err == nil && c.pool.ID != poolID {
		err = errAccessToken()
	}
	if err == nil && !c.allows(scopeOpenID) {
		return nil, oauthError(oauthNarrowScope, "The access token does not have the scope openid.")
	}
	if err == nil {
		err = d.store.View(ctx, func(tx identity.Tx) error { return d.live(tx, c, scopeOpenID) })
	}
	if code := identity.CodeOf(err); code == identity.NotAuthorized || code == UserNotFound {
		return nil, oauthError(oauthInvalidToken, "The access token is not good, or not any more.")
	}
	if err != nil {
		return nil, err
	}
	return c.info(), nil
}

// info is what the token of a caller shows of its user.
func (c *caller) info() map[string]any {
	out := map[string]any{attrSub: c.user.Sub, "username": c.user.Username}
	for _, a := range c.client.visible(c.user) {
		if a.Name == attrUpdatedAt && c.allows(scopeProfile) {
			out[a.Name] = claimValue(a)
		} else if a.Name != attrSub && c.allows(scopeOf(a.Name)) {
			out[a.Name] = a.Value
		}
	}
	return out
}

// scopeOf is the scope that shows an attribute. As in Cognito, profile shows
// all that no other scope does.
func scopeOf(attribute string) string {
	switch attribute {
	case attrEmail, attrEmailVerified:
		return scopeEmail
	case attrPhone, attrPhoneVerified:
		return scopePhone
	}
	return scopeProfile
}

// Logout says where a browser goes that comes to the logout endpoint of a pool
// with a query: to one of the client's logout addresses, with the state, or with
// a redirect_uri to the authorization endpoint. A browser has no session with
// the page that would have to end; the sign-in itself ends with its refresh
// token. Errors are *OAuthError. Source: identity-protocol §2.11; OpenID Connect
// RP-Initiated Logout 1.0 §2 for post_logout_redirect_uri.
func (d *Directory) Logout(poolID, query string) (string, error) {
	values, err := parseQuery(query)
	if err != nil {
		return "", oauthError(oauthInvalidRequest, "The query cannot be read.")
	}
	c, err := d.poolClient(poolID, one(values, "client_id"))
	if err != nil {
		return "", oauthError(oauthInvalidRequest, "The client_id is none of this user pool.")
	}
	if values.Has("redirect_uri") {
		if _, err := d.Authorize(poolID, query); err != nil && !redirects(err) {
			return "", err
		}
		return c.pool.issuer + "/oauth2/authorize?" + query, nil
	}
	name := "logout_uri"
	if !values.Has(name) {
		name = "post_logout_redirect_uri"
	}
	address := one(values, name)
	if !slices.Contains(c.LogoutURLs, address) {
		return "", oauthError(oauthInvalidRequest, "The "+name+" is not one of the client's.")
	}
	if state := one(values, "state"); state != "" && printable(state, maxState) {
		return withQuery(address, url.Values{"state": {state}}), nil
	}
	return address, nil
}
