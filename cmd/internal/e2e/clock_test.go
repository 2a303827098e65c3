package e2e_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"
)

// TestClientClock shows what clients do whose clock is 20 minutes off: those of
// Go and JavaScript set it by the Date of a refusal, boto3 gives up.
func TestClientClock(t *testing.T) {
	for name, off := range map[string]time.Duration{"slow": 20 * time.Minute, "fast": -20 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serveShop(t)
			f.signUp("jane")
			f.advance(off)
			t.Run("Go", func(t *testing.T) {
				guest := newGuest(t, f.url)
				_, err := newSTS(f.url, guest.keys).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
				require.NoError(t, err)
				_, err = newPools(f.url, static(operatorKey, operatorSecret, "")).ListIdentities(t.Context(),
					&ci.ListIdentitiesInput{IdentityPoolId: aws.String(rulesPool), MaxResults: aws.Int32(1)})
				require.NoError(t, err)
			})
			s := &rowanServer{url: f.url}
			t.Run("JavaScript", func(t *testing.T) { runChecks(t, s.node(t, "clock.mjs")) })
			t.Run("Python", func(t *testing.T) { runChecks(t, s.python(t, "clock.py")) })
		})
	}
}
