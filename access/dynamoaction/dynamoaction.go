// Package dynamoaction says of each action of DynamoDB whether, and how, it
// reaches rows. Together the functions return every action that AWS documents,
// each once; one that is not among them is unknown here, and harmless to nobody.
//
// Source: DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained
// access control"; Service Authorization Reference, "Actions, resources, and
// condition keys for Amazon DynamoDB"; iam-semantics §6.2, §6.3.
package dynamoaction

import "strings"

// Reads returns the actions that read rows and name their partition keys.
func Reads() []string {
	return of("GetItem BatchGetItem Query ConditionCheckItem PartiQLSelect")
}

// Writes returns the actions that write rows and name their partition keys.
func Writes() []string {
	return of("PutItem UpdateItem DeleteItem BatchWriteItem PartiQLInsert PartiQLUpdate PartiQLDelete")
}

// Keyless returns the actions that reach rows, or copies of them, without naming
// a partition key: condition keys of rows do not limit them.
func Keyless() []string {
	return of(`Scan GetRecords GetShardIterator ExportTableToPointInTime CreateBackup RestoreTableFromBackup
		RestoreTableToPointInTime EnableKinesisStreamingDestination UpdateKinesisStreamingDestination StartAwsBackupJob
		RestoreTableFromAwsBackup SearchVectors ReadDataForReplication WriteDataForReplication AssociateTableReplica
		CreateTableReplica CreateGlobalTable CreateGlobalTableWitness UpdateGlobalTable`)
}

// Changes returns the actions that change a table, what it is guarded by, or its
// copies. UpdateTimeToLive deletes rows, tags may be what policies compare, and
// PutResourcePolicy is a policy.
func Changes() []string {
	return of(`UpdateTable DeleteTable PutResourcePolicy DeleteResourcePolicy UpdateTimeToLive TagResource UntagResource
		UpdateAbacStatus CreateTable ImportTable DeleteBackup DeleteTableReplica DeleteGlobalTableWitness ReplicateSettings
		DisableKinesisStreamingDestination UpdateContinuousBackups UpdateContributorInsights UpdateGlobalTableSettings
		UpdateGlobalTableVersion UpdateTableReplicaAutoScaling InjectError PurchaseReservedCapacityOfferings`)
}

// Describes returns the actions that neither reach rows nor change a table.
func Describes() []string {
	return of(`DescribeBackup DescribeContinuousBackups DescribeContributorInsights DescribeEndpoints DescribeExport
		DescribeGlobalTable DescribeGlobalTableSettings DescribeImport DescribeKinesisStreamingDestination DescribeLimits
		DescribeReservedCapacity DescribeReservedCapacityOfferings DescribeStream DescribeTable
		DescribeTableReplicaAutoScaling DescribeTimeToLive GetAbacStatus GetResourcePolicy ListBackups
		ListContributorInsights ListExports ListGlobalTables ListImports ListStreams ListTables ListTagsOfResource`)
}

func of(names string) []string {
	out := strings.Fields(names)
	for i, name := range out {
		out[i] = "dynamodb:" + name
	}
	return out
}
