package analysis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/policy"
)

// BenchmarkTenants proves that a policy with a statement for each of so many
// tenants allows no more than the same in another order.
func BenchmarkTenants(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 3000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var forth, back []*policy.Document
			for at := 0; at < n; at += 40 { // a document has a limit
				var one []string
				for i := at; i < min(at+40, n); i++ {
					one = append(one, fmt.Sprintf(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/t%d/*","Condition":{"StringEquals":{"s3:prefix":"p%d"}}}`, i, i))
				}
				d, err := policy.Parse("p", []byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(one, ",")+`]}`))
				require.NoError(b, err)
				forth, back = append(forth, d), append([]*policy.Document{turned(d)}, back...)
			}
			for b.Loop() {
				a, err := analysis.Search(context.Background(), &analysis.Question{
					By: &analysis.Policies{Identity: forth}, Not: &analysis.Policies{Identity: back}, Principal: asker,
					Limits: analysis.Limits{Steps: 1 << 40, Time: 1 << 40},
				})
				require.NoError(b, err)
				require.Equal(b, analysis.Never, a.Verdict, a.Reason)
			}
		})
	}
}
