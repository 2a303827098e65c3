package schema

// Policy is the schema of an IAM policy document, in YAML or JSON. Source: IAM
// User Guide, "Grammar of the IAM JSON policy language".
func Policy() Object {
	statement := statement()
	return about(Closed(Object{
		"Version":   about(Object{"enum": []any{"2012-10-17", "2008-10-17"}}, "The version of the language. Without 2012-10-17 policy variables are ordinary text."),
		"Id":        about(textOnly(), "A name of the document, in resource policies."),
		"Statement": about(either(statement, Object{"type": "array", "items": statement, "minItems": 1}), "The statements. A Deny that applies wins over every Allow."),
	}, "Statement"), "An IAM policy document.")
}

func textOnly() Object { return Object{"type": scalars} }

func about(part Object, text string) Object {
	part["description"] = text
	return part
}

// statement is one statement.
func statement() Object {
	list := func(text string) Object { return about(texts(textOnly()), text) }
	principal := func(text string) Object {
		return about(either(Object{"enum": []any{"*"}}, Closed(Object{
			"AWS":           list("Accounts, users, roles and sessions, or \"*\"."),
			"Federated":     list("Identity providers, in trust policies."),
			"Service":       list("Services, such as lambda.amazonaws.com."),
			"CanonicalUser": list("Canonical user ids of S3."),
		})), text)
	}
	values := either(textOnly(), Object{"type": "array", "items": textOnly(), "minItems": 1})
	return Closed(Object{
		"Sid":          about(textOnly(), "The name of the statement, by which tests know it."),
		"Effect":       about(Object{"enum": []any{"Allow", "Deny"}}, "What the statement does when it applies."),
		"Principal":    principal("Who the statement is about, in resource and trust policies."),
		"NotPrincipal": principal("Who the statement is not about."),
		"Action":       list("Actions, such as dynamodb:GetItem, with * and ?."),
		"NotAction":    list("All actions but these."),
		"Resource":     list("ARNs, with *, ? and policy variables."),
		"NotResource":  list("All resources but these."),
		"Condition": about(Object{"type": "object", "minProperties": 1, "additionalProperties": Object{
			"type": "object", "minProperties": 1, "additionalProperties": values,
		}}, "What a request must meet: {OPERATOR: {KEY: VALUES}}. Operators and keys are ANDed, values are ORed."),
	}, "Effect")
}
