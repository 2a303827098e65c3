package dynamoitem_test

import (
	"strings"
	"testing"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
)

// BenchmarkChecks reads a call and derives and fills its checks: what a gateway
// does for each beside the decision.
func BenchmarkChecks(b *testing.B) {
	for name, body := range map[string]string{
		"GetItem": "{" + within + key11 + `,"ProjectionExpression":"total, #a.city","ExpressionAttributeNames":{"#a":"addr"}}`,
		"PutItem": "{" + within + `"Item":{"cust":{"S":"c1"},"day":{"S":"d1"},"a":{"N":"1"},"b":{"S":"` + strings.Repeat("x", 500) +
			`"},"c":{"M":{"d":{"L":[{"N":"1"},{"N":"2"}]}}}}}`,
		"Query": "{" + within + `"KeyConditionExpression":"cust = :c AND begins_with(day, :d)","FilterExpression":"#s = :s AND total > :t",` +
			`"ExpressionAttributeNames":{"#s":"status"},"ExpressionAttributeValues":{":c":{"S":"c1"},":d":{"S":"2026"},":s":{"S":"x"},":t":{"N":"5"}}}`,
		"ExecuteStatement": `{"Statement":"SELECT total FROM \"Orders\" WHERE cust = 'c1' AND day BETWEEN 'a' AND 'b'"}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			x := conditions.AWS().NewContext()
			for b.Loop() {
				op, err := dynamoitem.Parse(home, name, []byte(body))
				if err != nil {
					b.Fatal(err)
				}
				checks, err := op.Checks(ordersOnly)
				if err != nil {
					b.Fatal(err)
				}
				x.Reset(nil)
				if err := checks[0].Fill(x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
