// Rows as the document client of the AWS SDK for JavaScript reaches them.
import assert from 'node:assert/strict';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchGetCommand, DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { check, refuses, shop } from './check.mjs';

const rows = DynamoDBDocumentClient.from(new DynamoDBClient({
  endpoint: shop.endpoint, region: shop.region, maxAttempts: 1,
  credentials: { accessKeyId: shop.id, secretAccessKey: shop.secret, sessionToken: shop.token },
}));
const TableName = 'Notes';
const key = (Owner, Note) => ({ Owner, Note });

await check('puts and gets its own row', async () => {
  await rows.send(new PutCommand({ TableName, Item: { ...key(shop.identity, 'first'), text: 'hello', stars: 5 } }));
  const { Item } = await rows.send(new GetCommand({ TableName, Key: key(shop.identity, 'first') }));
  assert.equal(Item.text, 'hello');
  assert.equal(Item.stars, 5);
});
await check('queries its own partition', async () => {
  const { Items } = await rows.send(new QueryCommand({
    TableName, KeyConditionExpression: '#o = :o', ExpressionAttributeNames: { '#o': 'Owner' }, ExpressionAttributeValues: { ':o': shop.identity },
  }));
  assert.equal(Items.length, 1);
});
await check('reads what is public', () => rows.send(new GetCommand({ TableName, Key: key('public', 'welcome') })));
await refuses('a row of somebody else', 'AccessDeniedException', () => rows.send(new GetCommand({ TableName, Key: key('someone else', 'secret') })), 'dynamodb:GetItem');
await refuses('a forged row', 'AccessDeniedException', () => rows.send(new PutCommand({ TableName, Item: key('someone else', 'mine') })));
await refuses('a batch with a foreign row', 'AccessDeniedException', () => rows.send(new BatchGetCommand({
  RequestItems: { [TableName]: { Keys: [key(shop.identity, 'first'), key('someone else', 'secret')] } },
})));
await refuses('a scan', 'AccessDeniedException', () => rows.send(new ScanCommand({ TableName })));
await refuses('a malformed call', 'ValidationException', () => rows.send(new GetCommand({ TableName, Key: { Owner: shop.identity } })));
