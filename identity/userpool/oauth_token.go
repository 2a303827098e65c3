package userpool

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/identity"
)

// OAuthInput is a request to an endpoint that OAuth clients call.
type OAuthInput struct {
	// Form is the body, Authorization the headers of that name.
	Form          url.Values
	Authorization []string
}

// TokenOutput is the answer of the token endpoint.
type TokenOutput struct {
	AccessToken  Sensitive `json:"access_token"`
	IDToken      Sensitive `json:"id_token,omitempty"`
	RefreshToken Sensitive `json:"refresh_token,omitempty"`
	TokenType    string    `json:"token_type"`
	ExpiresIn    int       `json:"expires_in"`
	Scope        string    `json:"scope"`
}

// Token answers the token endpoint of a pool: it redeems authorization codes
// and refresh tokens. Errors of the client are *OAuthError. Source: RFC 6749
// §4.1.3, §5, §6; identity-protocol §2.11.
func (d *Directory) Token(ctx context.Context, poolID string, in *OAuthInput) (*TokenOutput, error) {
	c, err := d.oauthClient(poolID, in)
	if err != nil {
		return nil, err
	}
	var g *grant
	switch grantType := one(in.Form, "grant_type"); grantType {
	case "authorization_code":
		for _, name := range []string{"code", "redirect_uri", "code_verifier"} {
			if one(in.Form, name) == "" {
				return nil, oauthError(oauthInvalidRequest, "The "+name+" is missing.")
			}
		}
		err = d.update(ctx, func(tx identity.Tx) (err error) {
			g, err = d.redeemAuthCode(tx, c, in.Form)
			return err
		})
	case "refresh_token":
		g, err = d.oauthRefresh(ctx, c, in.Form)
	case "":
		err = oauthError(oauthInvalidRequest, "The grant_type is missing.")
	default:
		err = oauthError(oauthUnknownGrant, "The grant_type must be authorization_code or refresh_token.")
	}
	if err != nil {
		return nil, err
	}
	made, err := d.issue(g)
	if err != nil {
		return nil, err
	}
	return &TokenOutput{
		AccessToken: made.AccessToken, IDToken: made.IDToken, RefreshToken: made.RefreshToken,
		TokenType: made.TokenType, ExpiresIn: made.ExpiresIn, Scope: g.family.Scope,
	}, nil
}

// oauthRefresh redeems a refresh token that came of a code: one of an API
// sign-in is for the flows that the client has there. The tokens keep auth_time
// and scope; a scope that is asked for may be less of it.
func (d *Directory) oauthRefresh(ctx context.Context, c *client, form url.Values) (*grant, error) {
	text := one(form, "refresh_token")
	if text == "" {
		return nil, oauthError(oauthInvalidRequest, "The refresh_token is missing.")
	}
	asked := splitScopes(one(form, "scope"))
	g, err := d.refresh(ctx, c, text, func(_ *user, f *family) error {
		if !f.OAuth {
			return errGrant("The refresh token did not come of an authorization code.")
		}
		granted := splitScopes(f.Scope)
		if slices.ContainsFunc(asked, func(s string) bool { return !slices.Contains(granted, s) }) {
			return oauthError(oauthInvalidScope, "The scope is more than was granted.")
		}
		return nil
	})
	var refused *identity.Error
	if errors.As(err, &refused) && (refused.Code == identity.NotAuthorized || refused.Code == RefreshTokenReuse) {
		return nil, errGrant(refused.Message)
	}
	if err == nil && len(asked) > 0 {
		slices.Sort(asked)
		g.family.Scope = strings.Join(slices.Compact(asked), " ")
	}
	return g, err
}

// oauthClient finds out which client of a pool calls an endpoint, and that it
// is the one. A client with a secret proves it, in the Authorization header or
// in the form and not in both; one without has nothing to prove, and names
// itself in the form. Source: RFC 6749 §2.3.
func (d *Directory) oauthClient(poolID string, in *OAuthInput) (*client, error) {
	for _, v := range in.Form {
		if len(v) != 1 {
			return nil, oauthError(oauthInvalidRequest, "A parameter is there twice.")
		}
	}
	id, secret := one(in.Form, "client_id"), one(in.Form, "client_secret")
	basic := len(in.Authorization) > 0
	if basic {
		if len(in.Authorization) > 1 || secret != "" {
			return nil, oauthError(oauthInvalidRequest, "The client proves its secret in more than one way.")
		}
		named, proof, ok := basicAuth(in.Authorization[0])
		if !ok || id != "" && id != named {
			return nil, errOAuthClient()
		}
		id, secret = named, proof
	}
	c, err := d.poolClient(poolID, id)
	if err != nil || basic && !c.HasSecret || !c.checkSecret(Sensitive(secret)) {
		return nil, errOAuthClient()
	}
	return c, nil
}

func errOAuthClient() error {
	return oauthError(oauthInvalidClient, "The client is not known, or not proven.")
}

// basicAuth reads the credentials of a client from a header. Source: RFC 6749
// §2.3.1: both parts are form-urlencoded before they are joined.
func basicAuth(header string) (id, secret string, ok bool) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") || len(text) > 1024 {
		return "", "", false
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "", false
	}
	id, secret, ok = strings.Cut(string(plain), ":")
	id, idErr := url.QueryUnescape(id)
	secret, secretErr := url.QueryUnescape(secret)
	return id, secret, ok && idErr == nil && secretErr == nil
}

// RevokeOAuth answers the revocation endpoint of a pool: it ends the sign-in of
// a refresh token. One that is unknown is no error. Errors of the client are
// *OAuthError. Source: RFC 7009.
func (d *Directory) RevokeOAuth(ctx context.Context, poolID string, in *OAuthInput) error {
	c, err := d.oauthClient(poolID, in)
	if err != nil {
		return err
	}
	token := one(in.Form, "token")
	if token == "" {
		return oauthError(oauthInvalidRequest, "The token is missing.")
	}
	err = d.revokeByToken(ctx, c, token)
	if code := identity.CodeOf(err); code == UnsupportedTokenType {
		return oauthError(oauthUnknownToken, "Only refresh tokens can be revoked.")
	} else if code == UnsupportedOperation {
		return oauthError(oauthInvalidRequest, "Token revocation is off for the client.")
	}
	return err
}
