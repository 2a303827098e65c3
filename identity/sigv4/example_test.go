package sigv4_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

// A service of JSON protocol answers a refusal as the SDKs expect it.
func Example() {
	verifier, err := sigv4.New(sigv4.Options{
		Region:   "us-east-1",
		Services: []string{"cognito-identity"},
		Now:      func() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) },
		Lookup: func(_ context.Context, accessKeyID, sessionToken string) (sigv4.Credential, error) {
			if accessKeyID != "AKIDEXAMPLE" || sessionToken != "" {
				return sigv4.Credential{}, sigv4.ErrUnknownKey
			}
			return sigv4.Credential{Secret: []byte("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), Value: "an administrator"}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	serve := func(r *http.Request) {
		verified, err := verifier.Verify(r)
		var refusal *sigv4.Error
		if errors.As(err, &refusal) {
			status, name := refusal.JSON()
			fmt.Println(status, name, refusal.Message)
			return
		}
		fmt.Println(verified.Value, "sent", string(verified.Body))
	}
	serve(call().headerForm())
	serve(call().request())
	// Output:
	// an administrator sent {"MaxResults":10}
	// 400 MissingAuthenticationTokenException Request is missing Authentication Token
}
