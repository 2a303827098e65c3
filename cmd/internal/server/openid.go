package server

import (
	"encoding/json"
	"net/http"
)

const (
	applicationJSON = "application/json"
	// keyAge is how long clients may keep a key set.
	keyAge = "public, max-age=600"
)

// discovery is what an issuer says of itself. Source: OpenID Connect Discovery
// 1.0 §3; identity-protocol §1.8, §2.11.
type discovery struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint,omitempty"`
	TokenEndpoint         string   `json:"token_endpoint,omitempty"`
	UserinfoEndpoint      string   `json:"userinfo_endpoint,omitempty"`
	RevocationEndpoint    string   `json:"revocation_endpoint,omitempty"`
	EndSessionEndpoint    string   `json:"end_session_endpoint,omitempty"`
	KeysURI               string   `json:"jwks_uri"`
	ResponseTypes         []string `json:"response_types_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	Algorithms            []string `json:"id_token_signing_alg_values_supported"`
	Scopes                []string `json:"scopes_supported,omitempty"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported,omitempty"`
	RevocationAuthMethods []string `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	ResponseModes         []string `json:"response_modes_supported,omitempty"`
	GrantTypes            []string `json:"grant_types_supported,omitempty"`
	// NamesIssuer says that answers name their issuer. Source: RFC 9207 §3.
	NamesIssuer bool `json:"authorization_response_iss_parameter_supported,omitempty"`
	// RequestURI is true where it is left out.
	RequestURI *bool `json:"request_uri_parameter_supported,omitempty"`
}

// userPoolDiscovery answers for a user pool, which is an issuer of its own.
func userPoolDiscovery(x *exchange) {
	pool := x.r.PathValue("pool")
	if _, ok := x.Directory.KeySet(pool); !ok {
		x.fail(notFound())
		return
	}
	issuer, no := x.issuer(pool), false
	proofs := []string{"client_secret_basic", "client_secret_post", "none"}
	x.publish(discovery{
		Issuer:                issuer,
		AuthorizationEndpoint: issuer + "/oauth2/authorize",
		TokenEndpoint:         issuer + "/oauth2/token",
		UserinfoEndpoint:      issuer + "/oauth2/userInfo",
		RevocationEndpoint:    issuer + "/oauth2/revoke",
		EndSessionEndpoint:    issuer + "/logout",
		KeysURI:               issuer + "/.well-known/jwks.json",
		ResponseTypes:         []string{"code"},
		SubjectTypes:          []string{"public"},
		Algorithms:            []string{"RS256"},
		Scopes:                []string{"openid", "email", "phone", "profile"},
		TokenAuthMethods:      proofs,
		RevocationAuthMethods: proofs,
		ChallengeMethods:      []string{"S256"},
		ResponseModes:         []string{"query"},
		GrantTypes:            []string{"authorization_code", "refresh_token"},
		NamesIssuer:           true,
		RequestURI:            &no,
	})
}

func userPoolKeys(x *exchange) {
	keys, ok := x.Directory.KeySet(x.r.PathValue("pool"))
	if !ok {
		x.fail(notFound())
		return
	}
	x.publish(keys)
}

// identityPoolDiscovery answers for the identity pools, which share an issuer
// and keys: the audience of a token tells its pool.
func identityPoolDiscovery(x *exchange) {
	x.publish(discovery{
		Issuer:        x.url,
		KeysURI:       x.url + "/.well-known/jwks_uri",
		ResponseTypes: []string{"token"},
		SubjectTypes:  []string{"public"},
		Algorithms:    []string{"RS512"},
	})
}

func identityPoolKeys(x *exchange) { x.publish(x.Pools.KeySet()) }

// publish answers with what anyone may know.
func (x *exchange) publish(v any) {
	body, err := json.Marshal(v)
	if err != nil {
		x.fail(internal(err))
		return
	}
	allowOrigins(x.w.Header())
	x.w.Header().Set("Cache-Control", keyAge)
	x.reply(http.StatusOK, applicationJSON, body)
}
