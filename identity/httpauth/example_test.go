package httpauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rowan-authz/rowan/engine"
)

// The handler asks the engine on behalf of whoever signed the request.
func Example() {
	s := newService(&testing.T{}, nil)
	handler := s.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := engine.CallerFrom(r.Context())
		request := caller.NewRequest("dynamodb:GetItem", scores)
		if err := request.Context.Set("dynamodb:LeadingKeys", aliceID); err != nil {
			http.Error(w, "bad key", http.StatusBadRequest)
			return
		}
		fmt.Println(caller.Principal.String(), caller.Evaluator.Decide(request).Allowed())
	}))
	handler.ServeHTTP(httptest.NewRecorder(), call(noon, sessionID, s.token(&testing.T{}), aliceID))
	// Output: arn:aws:sts::111122223333:assumed-role/Player/CognitoIdentityCredentials true
}
