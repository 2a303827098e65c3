package schema

// Suite is the schema of tests/NAME_test.yaml. Unlike that of the other files it is
// not read from the loader, whose reader of suites keeps members until others are
// known; a test holds its members to those that the loader knows.
func Suite() Object {
	return Whole("tests/NAME_test.yaml", "Unit tests of a bundle's policies: whatever is not listed must be implicitly denied.", Closed(Object{
		"suite":   about(textOnly(), "What the suite is called."),
		"options": about(Closed(Object{"now": about(Object{"type": "string"}, "The suite's clock, such as 2026-11-23T05:00:00Z; left out the real one.")}), "How the suite runs."),
		"identities": about(Object{"type": "object", "additionalProperties": suiteIdentity()},
			"Who asks, by names without a slash."),
		"rows": about(Object{"type": "object", "additionalProperties": Object{"type": "object", "additionalProperties": about(Object{
			"type": "object",
		}, "A row: its attributes. Only those of keys have types, all else is text.")}}, "Rows by their names, by table."),
		"tests":      about(Object{"type": "array", "minItems": 1, "items": suiteTest()}, "The tests."),
		"properties": about(Object{"type": "array", "items": property()}, "What must hold for all requests; rowan prove proves it."),
	}, "suite", "identities", "tests"))
}

// suiteIdentity is one of identities.
func suiteIdentity() Object {
	return Closed(Object{
		"role":          about(textOnly(), "The role, a file in roles."),
		"identityId":    about(textOnly(), "The id in an identity pool, REGION:UUID; left out for a session without a pool."),
		"authenticated": about(Object{"type": "boolean"}, "Whether somebody signed in; false, as for a guest, if left out."),
		"claims":        about(Object{"type": "object"}, "Claims of the login's token."),
		"tags":          about(Object{"type": "object", "additionalProperties": textOnly()}, "Session tags; if the pool maps claims to tags, what it makes of them."),
		"pool":          about(textOnly(), "The identity pool, if there are several."),
		"provider":      about(textOnly(), "The provider of the login, if there are several."),
		"context":       context("Further context keys of the session."),
	}, "role")
}

func context(text string) Object {
	return about(Object{"type": "object", "additionalProperties": texts(textOnly())}, text)
}

// suiteTest is one of tests: a matrix, a request or a list.
func suiteTest() Object {
	return Closed(Object{
		"name": about(textOnly(), "What the test is called."),
		"as":   about(texts(textOnly()), "Identities of the suite."),
		"on": about(Object{"type": "object", "additionalProperties": texts(textOnly())},
			"Rows of a matrix, by table."),
		"actions": about(texts(textOnly()), "Actions of a matrix, such as dynamodb:GetItem."),
		"request": about(Closed(Object{
			"action":          about(textOnly(), "The action."),
			"table":           about(textOnly(), "The table; or a resource."),
			"row":             about(textOnly(), "The row of the table."),
			"index":           about(textOnly(), "The index of the table."),
			"resource":        about(textOnly(), "The ARN; or a table."),
			"resourceAccount": about(Object{"type": "string", "pattern": `^[0-9]{12}$`}, "Who owns the resource."),
		}, "action"), "A single question."),
		"list": about(Closed(Object{
			"table":  about(textOnly(), "The table."),
			"action": about(textOnly(), "An action that reads, such as dynamodb:Query."),
			"index":  about(textOnly(), "The index of the table."),
		}, "table", "action"), "A question about all rows of a table."),
		"context": context("Context keys of the requests; they win over what the runner fills in."),
		"expect":  about(either(wants()...), "What the answers must be. For a matrix {IDENTITY/ROW: {ACTION: OUTCOME}}."),
	}, "name", "as")
}

// wants are the forms of expect.
func wants() []any {
	outcomes := []any{"allowed", "explicitDeny", "implicitDeny"}
	outcome := Object{"enum": outcomes}
	statements := about(texts(textOnly()), "The statements that decide, by Sid or POLICY#INDEX: exactly these.")
	by := Closed(Object{"allowed": statements, "explicitDeny": statements, "implicitDeny": statements})
	by["minProperties"], by["maxProperties"] = 1, 1
	return []any{
		Closed(Object{
			"decision":       about(outcome, "The decision."),
			"statements":     statements,
			"missingContext": about(texts(textOnly()), "The context keys that are missing: exactly these."),
		}, "decision"),
		Closed(Object{
			"rows":   about(texts(textOnly()), "The rows that are in the list: exactly these."),
			"filter": about(textOnly(), "What lets them pass."),
			"sql": about(Closed(Object{
				"postgres": about(textOnly(), "The predicate in PostgreSQL."),
				"mysql":    about(textOnly(), "The predicate in MySQL."),
				"sqlite":   about(textOnly(), "The predicate in SQLite."),
				"args":     about(texts(textOnly()), "The predicate's arguments."),
			}), "The predicates that the filter becomes."),
		}, "rows"),
		Object{"type": "object", "additionalProperties": false, "patternProperties": Object{"/": Object{
			"type": "object", "additionalProperties": either(outcome, by),
		}}},
	}
}

// property is one of properties.
func property() Object {
	condition := Object{"type": "object", "minProperties": 1, "additionalProperties": Object{
		"type": "object", "minProperties": 1, "additionalProperties": texts(textOnly()),
	}}
	return Closed(Object{
		"name":     about(textOnly(), "What the property is called."),
		"roles":    about(texts(textOnly()), "The roles that it is about."),
		"actions":  about(texts(textOnly()), "The actions that it is about; left out all."),
		"table":    about(textOnly(), "The table, with its indexes; or a resource."),
		"resource": about(texts(textOnly()), "ARNs; or a table."),
		"when":     about(condition, "A condition block: the requests that it is about."),
		"never":    about(Object{"enum": []any{true}}, "No such request is allowed."),
		"only":     about(condition, "A condition block: such requests are allowed only if they meet it."),
	}, "name", "roles")
}

// LintConfig is the schema of .rowan-lint.yaml; codes are those of lint.
func LintConfig(codes []string) Object {
	all := make([]any, len(codes))
	for i, c := range codes {
		all[i] = c
	}
	return Whole(".rowan-lint.yaml", "Findings of rowan lint to leave out.", Closed(Object{
		"suppress": about(Object{"type": "array", "items": Closed(Object{
			"code":   about(Object{"enum": all}, "The code of the findings."),
			"file":   about(textOnly(), "A pattern of names of files; left out all."),
			"path":   about(textOnly(), "A JSON pointer: findings there and below; left out all."),
			"reason": about(textOnly(), "Why they are left out."),
		}, "code", "reason")}, "What to leave out."),
	}))
}
