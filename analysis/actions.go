package analysis

// knownActions are names for witnesses: those of the data plane first.
var knownActions = []string{
	"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
	"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:PartiQLSelect", "dynamodb:PartiQLInsert",
	"dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete", "dynamodb:GetRecords", "dynamodb:DescribeTable", "dynamodb:ListTables", "dynamodb:DeleteTable",
	"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:ListAllMyBuckets",
	"sts:AssumeRole", "kms:Decrypt", "iam:GetUser", "iam:CreateUser", "ec2:DescribeInstances", "execute-api:Invoke", "cognito-identity:GetId",
}
