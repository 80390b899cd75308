package deployment_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"zapas/localstack/deployment"
	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/standintest"
	"zapas/localstack/template"
)

// account is the golden template's, with its policies in force.
type account struct {
	*standintest.Stack
	deployed *template.Deployment
	policies *iam.Policies
	log      bytes.Buffer
}

func open(t *testing.T) *account {
	t.Helper()
	a := &account{Stack: standintest.New(t)}
	a.IAM.Log = slog.New(slog.NewTextHandler(&a.log, nil))
	var err error
	if a.deployed, err = deployment.On(a.AWS); err != nil {
		t.Fatal(err)
	}
	if a.policies, err = a.deployed.Policies(); err != nil {
		t.Fatal(err)
	}
	a.IAM.Enforce(a.policies)
	return a
}

// as is the configuration of a function's role.
func (a *account) as(name string) aws.Config { return a.As(deployment.Stack + "-Role" + name) }

func arn(role string) string { return standintest.RoleARN(deployment.Stack + "-Role" + role) }

// widen lets a role do everything, as far as its own policy goes.
func (a *account) widen(t *testing.T, role string) {
	t.Helper()
	all, err := iam.ParseIdentity("More", []byte(`{"Version":"2012-10-17","Statement":{"Sid":"All","Effect":"Allow","Action":["s3:*","kms:*","dynamodb:*"],"Resource":"*"}}`))
	if err != nil {
		t.Fatal(err)
	}
	a.policies.Identity[arn(role)] = append(a.policies.Identity[arn(role)], all)
}

// unguard takes a resource's own policy away, and of a bucket its key's. A key without one cannot be: it is left to the
// policies of roles.
func (a *account) unguard(t *testing.T, on string) {
	t.Helper()
	for _, b := range a.deployed.Buckets {
		if b.ARN == on && b.Key != "" {
			a.unguard(t, b.Key)
		}
	}
	delete(a.policies.Resource, on)
	if strings.Contains(on, ":kms:") {
		account, err := iam.ParseResource("Account", []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*",
			"Principal":{"AWS":"arn:aws:iam::`+deployment.Account+`:root"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		a.policies.Resource[on] = account
	}
}

const bucketARN = "arn:aws:s3:::" + deployment.Bucket

func tableARN(name string) string {
	return "arn:aws:dynamodb:" + deployment.Region + ":" + deployment.Account + ":table/" + name
}

func files(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

func key(pk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: pk}, "SK": &types.AttributeValueMemberS{Value: "x"}}
}

const chunk = "u/anna/s/1/c/2"

// call is something that a role has no business to do, and the statement of the resource's policy that refuses it.
type call struct {
	role, statement string
	on              func(d *template.Deployment) string
	do              func(t *testing.T, a *account, cfg aws.Config) error
}

func bucket(*template.Deployment) string { return bucketARN }
func table(name string) func(*template.Deployment) string {
	return func(*template.Deployment) string { return tableARN(name) }
}

var calls = map[string]call{
	"SessionsReadObject": {"Sessions", "ReadByReaders", bucket, getObject},
	"DevicesReadObject":  {"Devices", "ReadByReaders", bucket, getObject},
	"SessionsWriteObject": {"Sessions", "WriteByUploads", bucket, func(t *testing.T, _ *account, cfg aws.Config) error {
		_, err := files(cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(deployment.Bucket), Key: aws.String(chunk + "3"), IfNoneMatch: aws.String("*"),
			ServerSideEncryption: "AES256", Body: strings.NewReader("x")})
		return err
	}},
	"SessionsListObjects": {"Sessions", "ListByReaders", bucket, func(t *testing.T, _ *account, cfg aws.Config) error {
		_, err := files(cfg).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(deployment.Bucket)})
		return err
	}},
	"UploadsDeleteObject": {"Uploads", "DeleteByNobody", bucket, func(t *testing.T, _ *account, cfg aws.Config) error {
		_, err := files(cfg).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(deployment.Bucket), Key: aws.String(chunk)})
		return err
	}},
	"UploadsUnwrap":  {"Uploads", "NobodyElseUses", deployment.VaultKey, unwrap},
	"RestoresUnwrap": {"Restores", "NobodyElseUses", deployment.VaultKey, unwrap},
	"DevicesWrap": {"Devices", "NobodyElseUses", deployment.VaultKey, func(t *testing.T, a *account, cfg aws.Config) error {
		_, err := kms.NewFromConfig(cfg).GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{
			KeyId: aws.String(deployment.VaultKey(a.deployed)), KeySpec: "AES_256", EncryptionContext: binding()})
		return err
	}},
	"UploadsReadWrappedKey":   {"Uploads", "ReadBySessions", table(deployment.VaultKeys), getRow(deployment.VaultKeys)},
	"RestoresReadWrappedKey":  {"Restores", "ReadBySessions", table(deployment.VaultKeys), getRow(deployment.VaultKeys)},
	"UploadsWriteIdentity":    {"Uploads", "WriteByDevices", table(deployment.Identity), putRow(deployment.Identity)},
	"RestoresWriteIdentity":   {"Restores", "WriteByDevices", table(deployment.Identity), putRow(deployment.Identity)},
	"SessionsWriteIdentity":   {"Sessions", "WriteByDevices", table(deployment.Identity), putRow(deployment.Identity)},
	"DevicesWriteWrappedKey":  {"Devices", "WriteBySessions", table(deployment.VaultKeys), putRow(deployment.VaultKeys)},
	"UploadsWriteWrappedKey":  {"Uploads", "WriteBySessions", table(deployment.VaultKeys), putRow(deployment.VaultKeys)},
	"UploadsWriteRecord":      {"Uploads", "AppendByFunctions", table(deployment.Audit), putRow(deployment.Audit)},
	"ProfilesReadIdentity":    {"Profiles", "ReadByFunctions", table(deployment.Identity), getRow(deployment.Identity)},
	"ProfilesQueryWrappedKey": {"Profiles", "ListConsents", table(deployment.VaultKeys), queryRows(deployment.VaultKeys)},
	"RestoresQueryIdentity":   {"Restores", "ListByDevices", table(deployment.Identity), queryRows(deployment.Identity)},
}

func getObject(t *testing.T, _ *account, cfg aws.Config) error {
	_, err := files(cfg).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(deployment.Bucket), Key: aws.String(chunk)})
	return err
}

func binding() map[string]string {
	return map[string]string{"app": "zapas", "tenant": "demo", "user": "anna", "v": "1"}
}

// unwrap opens a key that sessions has wrapped.
func unwrap(t *testing.T, a *account, cfg aws.Config) error {
	made, err := kms.NewFromConfig(a.as("Sessions")).GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{
		KeyId: aws.String(deployment.VaultKey(a.deployed)), KeySpec: "AES_256", EncryptionContext: binding()})
	if err == nil {
		_, err = kms.NewFromConfig(cfg).Decrypt(t.Context(), &kms.DecryptInput{KeyId: made.KeyId, CiphertextBlob: made.CiphertextBlob, EncryptionContext: binding()})
	}
	return err
}

func getRow(table string) func(*testing.T, *account, aws.Config) error {
	return func(t *testing.T, _ *account, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key("V#anna")})
		return err
	}
}

func putRow(table string) func(*testing.T, *account, aws.Config) error {
	return func(t *testing.T, _ *account, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: key("X#anna")})
		return err
	}
}

func queryRows(table string) func(*testing.T, *account, aws.Config) error {
	return func(t *testing.T, _ *account, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).Query(t.Context(), &dynamodb.QueryInput{TableName: &table, KeyConditionExpression: aws.String("PK = :pk"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "V#anna"}}})
		return err
	}
}

// TestTwoLocks: what a role has no business to do is refused by its own policy and by the resource's, each by itself. With
// both open it is possible: they are all that stands in the way.
func TestTwoLocks(t *testing.T) {
	t.Parallel()
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, lock := range []struct {
				name            string
				widen, unguard  bool
				says, statement string
			}{
				{"ByItsOwnPolicy", false, true, "because no identity-based policy allows", ""},
				{"ByTheResource", true, false, "with an explicit deny in a resource-based policy", c.statement},
				{"ByNeither", true, true, "", ""},
			} {
				t.Run(lock.name, func(t *testing.T) {
					t.Parallel()
					a := open(t)
					a.store(t)
					if lock.widen {
						a.widen(t, c.role)
					}
					if lock.unguard {
						a.unguard(t, c.on(a.deployed))
					}
					a.log.Reset()
					err := c.do(t, a, a.as(c.role))
					if lock.says == "" {
						if err != nil {
							t.Errorf("with both locks open it is refused: %v", err)
						}
						return
					}
					if err == nil || !strings.Contains(err.Error(), lock.says) {
						t.Errorf("got %v, want it refused %s", err, lock.says)
					}
					for _, s := range []string{"denied by IAM", "Role" + c.role + "/", lock.statement} {
						if !strings.Contains(a.log.String(), s) {
							t.Errorf("the log does not say %q:\n%s", s, a.log.String())
						}
					}
				})
			}
		})
	}
}

// store puts an object, as uploads.
func (a *account) store(t *testing.T) {
	t.Helper()
	_, err := files(a.as("Uploads")).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(deployment.Bucket), Key: aws.String(chunk),
		IfNoneMatch: aws.String("*"), Body: strings.NewReader("sealed")})
	if err != nil {
		t.Fatal(err)
	}
}

// signed is a presigned URL of a role, signed a while ago and good for an hour.
func (a *account) signed(t *testing.T, role, method, key string, ago time.Duration, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, standintest.Endpoint+"/"+deployment.Bucket+"/"+key+"?X-Amz-Expires=3600", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	cfg := a.as(role)
	who, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, headers, err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).PresignHTTP(t.Context(), who, r, "UNSIGNED-PAYLOAD", "s3", deployment.Region, time.Now().Add(-ago))
	if err != nil {
		t.Fatal(err)
	}
	r, err = http.NewRequestWithContext(t.Context(), method, at, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = headers
	return r
}

// TestURLs: an URL is good for fifteen minutes, whatever it says itself, and only the two functions that sign can make one.
func TestURLs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role, key string
		ago       time.Duration
		status    int
		says      string
	}{
		"Fresh":            {"Restores", chunk, 0, 200, "sealed"},
		"AtTheLimit":       {"Restores", chunk, 15*time.Minute - 30*time.Second, 200, "sealed"},
		"Old":              {"Restores", chunk, 15*time.Minute + time.Second, 403, "FreshSignatures"},
		"OfRecovery":       {"Recovery", chunk, 0, 403, "URLsBySigners"},
		"OfSessions":       {"Sessions", chunk, 0, 403, "ReadByReaders"},
		"OfUploads":        {"Uploads", chunk, 0, 403, "no identity-based policy allows"}, // it reads lists alone
		"OfWhatIsNotThere": {"Restores", chunk + "9", 0, 404, "NoSuchKey"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)
			a.store(t)
			a.log.Reset()
			answer, err := a.Client().Do(a.signed(t, c.role, http.MethodGet, c.key, c.ago, http.Header{}))
			if err != nil {
				t.Fatal(err)
			}
			var body bytes.Buffer
			if _, err := body.ReadFrom(answer.Body); err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != c.status || !strings.Contains(body.String()+a.log.String(), c.says) {
				t.Errorf("it is answered with %d, want %d and %s: %s\n%s", answer.StatusCode, c.status, c.says, body.String(), a.log.String())
			}
		})
	}
}

// TestWriteOnce: uploads itself can replace nothing: it must say that nothing may be there.
func TestWriteOnce(t *testing.T) {
	t.Parallel()
	a := open(t)
	a.store(t)
	for once, status := range map[string]int{"": 403, "*": 412} {
		header := http.Header{}
		if once != "" {
			header.Set("If-None-Match", once)
		}
		answer, err := a.Client().Do(a.signed(t, "Uploads", http.MethodPut, chunk, 0, header))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("with If-None-Match %q it is answered with %d, want %d:\n%s", once, answer.StatusCode, status, a.log.String())
		}
	}
	if !strings.Contains(a.log.String(), "statement=WriteOnce") {
		t.Errorf("the log does not say why:\n%s", a.log.String())
	}
}

// TestMissingNeedsTheList: without the right to list, an object that has gone answers as a URL that has expired, for which
// a phone would ask again for ever.
func TestMissingNeedsTheList(t *testing.T) {
	t.Parallel()
	a := open(t)
	for _, role := range a.deployed.Roles {
		if role.ARN == arn("Restores") {
			without := strings.Replace(string(role.Policies[0].Document), `"s3:ListBucket"`, `"s3:ListBucketVersions"`, 1)
			document, err := iam.ParseIdentity("Less", []byte(without))
			if err != nil || without == string(role.Policies[0].Document) {
				t.Fatalf("the right is not there to be taken away: %v", err)
			}
			a.policies.Identity[role.ARN] = []*iam.Document{document}
		}
	}
	answer, err := a.Client().Do(a.signed(t, "Restores", http.MethodGet, chunk, 0, http.Header{}))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("it is answered with %d, want 403", answer.StatusCode)
	}
}
