// Package httpauth is middleware that knows who calls: it verifies the
// signature of a request, opens the session behind it and hands the handler an
// engine.Caller.
//
//	credentials, err := httpauth.NewCredentials(httpauth.CredentialsOptions{Sessions: sessions})
//	verifier, err := sigv4.New(sigv4.Options{…, Lookup: credentials.Lookup})
//	protect, err := httpauth.New(httpauth.Options{Verifier: verifier, Credentials: credentials})
//	http.ListenAndServeTLS(…, protect(handler))
//
// In the handler:
//
//	caller, ok := engine.CallerFrom(r.Context())
//	request := caller.NewRequest("dynamodb:GetItem", table)
//	decision := caller.Evaluator.Decide(request)
//
// A request whose signature does not hold never reaches the handler, and no
// header of the outside says who calls.
package httpauth
