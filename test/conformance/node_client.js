// @google-cloud/storage for Node against a running server; see node_client_test.py.
'use strict';
const {test, before} = require('node:test');
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const {Storage, TransferManager} = require('@google-cloud/storage');
const {JWT} = require('google-auth-library');

const url = process.env.HODEI_URL;
// This library asks for tokens at Google's own host, whatever the key file says: it is given one.
const key = JSON.parse(fs.readFileSync(process.env.HODEI_KEY));
const jwt = new JWT({email: key.client_email, key: key.private_key, scopes: ['https://www.googleapis.com/auth/cloud-platform']});
jwt.credentials = {access_token: process.env.HODEI_TOKEN, expiry_date: Date.now() + 3600e3, token_type: 'Bearer'};
const storage = new Storage({apiEndpoint: url, projectId: 'hodei-local', authClient: jwt, useAuthWithCustomEndpoint: true});
storage.authClient.jsonContent = key;  // what signs URLs
const bucket = storage.bucket('node-bucket');
// At an endpoint of one's own this library sends no credential with a resumable upload, whatever it is
// told (only createResumableUpload() is), so these go to a server that asks for none.
const emulated = new Storage({apiEndpoint: process.env.HODEI_EMULATOR_URL, projectId: 'x'}).bucket('node-resumable');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'node-client-'));
const rejects = (promise, code) => assert.rejects(promise, error => Number(error.code) === code || Number(error.status) === code);

before(async () => { await storage.createBucket('node-bucket'); await emulated.create(); });

test('a bucket is there, listed and described', async () => {
  assert.deepEqual(await bucket.exists(), [true]);
  const [buckets] = await storage.getBuckets();
  assert.ok(buckets.some(b => b.name === 'node-bucket'));
  const [metadata] = await bucket.getMetadata();
  assert.equal(metadata.kind, 'storage#bucket');
  await rejects(storage.createBucket('node-bucket'), 409);
});

test('settings of a bucket', async () => {
  await bucket.setLabels({a: 'b'});
  await bucket.setCorsConfiguration([{origin: ['http://x'], method: ['GET'], maxAgeSeconds: 60}]);
  await bucket.addLifecycleRule({action: {type: 'Delete'}, condition: {age: 30}});
  await bucket.setStorageClass('NEARLINE');
  const [metadata] = await bucket.getMetadata();
  assert.equal(metadata.labels.a, 'b');
  assert.equal(metadata.cors[0].maxAgeSeconds, 60);
  assert.equal(metadata.lifecycle.rule[0].condition.age, 30);
});

for (const resumable of [false, true]) {
  for (const size of [0, 10, 300000]) {
    test(`save and download, resumable ${resumable}, ${size} bytes`, async () => {
      const data = crypto.randomBytes(size);
      const file = (resumable ? emulated : bucket).file(`save/${resumable}/${size}`);
      await file.save(data, {resumable, contentType: 'x/y', metadata: {metadata: {k: 'v'}}});
      const [back] = await file.download();
      assert.ok(back.equals(data));
      const [metadata] = await file.getMetadata();
      assert.equal(metadata.size, String(size));
      assert.equal(metadata.contentType, 'x/y');
      assert.equal(metadata.metadata.k, 'v');
    });
  }
}

test('a resumable upload in chunks', async () => {
  const data = crypto.randomBytes(700000);
  const file = emulated.file('chunked');
  await file.save(data, {resumable: true, chunkSize: 256 * 1024});
  assert.ok((await file.download())[0].equals(data));
});

test('upload from and download to files', async () => {
  const from = path.join(folder, 'from');
  fs.writeFileSync(from, 'file content');
  await emulated.upload(from, {destination: 'uploaded', gzip: true});
  await emulated.file('uploaded').download({destination: path.join(folder, 'to')});
  assert.equal(fs.readFileSync(path.join(folder, 'to'), 'utf8'), 'file content');
});

test('streams and ranges', async () => {
  const file = bucket.file('ranges');
  await file.save('0123456789', {resumable: false});
  assert.equal((await file.download({start: 2, end: 4}))[0].toString(), '234');
  const pieces = [];
  for await (const piece of file.createReadStream({start: 5})) pieces.push(piece);
  assert.equal(Buffer.concat(pieces).toString(), '56789');
});

test('preconditions', async () => {
  const file = bucket.file('conditional');
  await file.save('1', {resumable: false, preconditionOpts: {ifGenerationMatch: 0}});
  await rejects(file.save('2', {resumable: false, preconditionOpts: {ifGenerationMatch: 0}}), 412);
  await rejects(bucket.file('none').getMetadata(), 404);
});

test('listing', async () => {
  for (const name of ['l/a', 'l/b/1', 'l/b/2', 'l/c']) await bucket.file(name).save('x', {resumable: false});
  const [files, , response] = await bucket.getFiles({prefix: 'l/', delimiter: '/', autoPaginate: false});
  assert.deepEqual(files.map(f => f.name), ['l/a', 'l/c']);
  assert.deepEqual(response.prefixes, ['l/b/']);
  const [page, next] = await bucket.getFiles({prefix: 'l/', maxResults: 3, autoPaginate: false});
  assert.equal(page.length, 3);
  const [rest] = await bucket.getFiles({...next, autoPaginate: false});
  assert.equal(rest.length, 1);
  assert.equal((await bucket.getFiles({matchGlob: 'l/b/*'}))[0].length, 2);
});

test('copy, move, rename, rotate metadata', async () => {
  const file = bucket.file('m/source');
  await file.save('move me', {resumable: false});
  await file.copy(bucket.file('m/copy'));
  await bucket.file('m/copy').move('m/moved');
  assert.deepEqual(await bucket.file('m/copy').exists(), [false]);
  await bucket.file('m/moved').moveFileAtomic('m/atomic');
  assert.equal((await bucket.file('m/atomic').download())[0].toString(), 'move me');
  await file.setMetadata({metadata: {a: '1', b: '2'}});
  await file.setMetadata({metadata: {a: null}});
  assert.deepEqual((await file.getMetadata())[0].metadata, {b: '2'});
  await file.setStorageClass('COLDLINE');
  assert.equal((await file.getMetadata())[0].storageClass, 'COLDLINE');
});

test('combine', async () => {
  await bucket.file('p1').save('one', {resumable: false});
  await bucket.file('p2').save('two', {resumable: false});
  await bucket.combine(['p1', 'p2'], 'p12');
  assert.equal((await bucket.file('p12').download())[0].toString(), 'onetwo');
});

test('public and private', async () => {
  const file = bucket.file('public');
  await file.save('for all', {resumable: false});
  assert.equal((await fetch(`${url}/node-bucket/public`)).status, 401);
  await file.makePublic();
  assert.equal(await (await fetch(`${url}/node-bucket/public`)).text(), 'for all');
  await file.makePrivate();
  assert.equal((await fetch(`${url}/node-bucket/public`)).status, 401);
});

test('access lists and policies', async () => {
  await bucket.acl.add({entity: 'allAuthenticatedUsers', role: storage.acl.READER_ROLE});
  assert.equal((await bucket.acl.get({entity: 'allAuthenticatedUsers'}))[0].role, 'READER');
  await bucket.acl.delete({entity: 'allAuthenticatedUsers'});
  const [policy] = await bucket.iam.getPolicy();
  policy.bindings.push({role: 'roles/storage.objectViewer', members: ['user:a@example.com']});
  await bucket.iam.setPolicy(policy);
  assert.equal((await bucket.iam.testPermissions('storage.objects.get'))[0]['storage.objects.get'], true);
});

test('signed urls, versions 4 and 2', async () => {
  const file = bucket.file('signed/a b');
  await file.save('signed', {resumable: false});
  for (const version of ['v4', 'v2']) {
    const [read] = await file.getSignedUrl({version, action: 'read', expires: Date.now() + 60000});
    assert.equal(await (await fetch(read)).text(), 'signed', version);
    assert.equal((await fetch(read.replace('signed/a', 'signed/b'))).status, 403, version);
    const [write] = await bucket.file('signed/up').getSignedUrl({version, action: 'write', contentType: 'a/b', expires: Date.now() + 60000});
    assert.equal((await fetch(write, {method: 'PUT', body: 'up', headers: {'Content-Type': 'a/b'}})).status, 200, version);
  }
  const [start] = await bucket.file('signed/session').getSignedUrl({version: 'v4', action: 'resumable', expires: Date.now() + 60000});
  const started = await fetch(start, {method: 'POST', headers: {'x-goog-resumable': 'start'}});
  assert.equal(started.status, 201);
  assert.equal((await fetch(started.headers.get('location'), {method: 'PUT', body: 'session'})).status, 200);
});

test('a signed policy', async () => {
  const [policy] = await bucket.file('form').generateSignedPostPolicyV4({expires: Date.now() + 60000});
  const form = new FormData();
  for (const [name, value] of Object.entries(policy.fields)) form.append(name, value);
  form.append('file', new Blob(['from a form']));
  assert.equal((await fetch(`${url}/node-bucket`, {method: 'POST', body: form})).status, 204);
  assert.equal((await bucket.file('form').download())[0].toString(), 'from a form');
});

// The library's parallel upload speaks https to port 443 of BUCKET.HOST only; the download does not.
test('a download in parallel parts', async () => {
  const data = crypto.randomBytes(9 << 20);
  await bucket.file('parts').save(data, {resumable: false});
  const manager = new TransferManager(bucket);
  await manager.downloadFileInChunks('parts', {destination: path.join(folder, 'parts'), chunkSizeBytes: 4 << 20});
  assert.ok(fs.readFileSync(path.join(folder, 'parts')).equals(data));
});

test('hmac keys', async () => {
  const [made, secret] = await storage.createHmacKey(key.client_email);
  assert.equal(secret.length, 40);
  await made.setMetadata({state: 'INACTIVE'});
  assert.ok((await storage.getHmacKeys())[0].some(k => k.metadata.accessId === made.metadata.accessId));
  await made.delete();
});

test('versions are listed and deleted one by one', async () => {
  const [versioned] = await storage.createBucket('node-versions', {versioning: {enabled: true}});
  await versioned.file('o').save('1', {resumable: false});
  await versioned.file('o').save('2', {resumable: false});
  const [files] = await versioned.getFiles({versions: true});
  assert.equal(files.length, 2);
  await versioned.deleteFiles({versions: true, force: true});
  await versioned.delete();
});

test('the emulator, without a credential', async () => {
  const anonymous = new Storage({apiEndpoint: process.env.HODEI_EMULATOR_URL, projectId: 'x'});
  const [made] = await anonymous.createBucket('node-emulator');
  await made.file('o').save('x');
  assert.equal((await made.file('o').download())[0].toString(), 'x');
});
