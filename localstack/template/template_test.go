package template_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/infra/golden"
	"zapas/localstack/deployment"
	"zapas/localstack/standin/dynamodb"
	"zapas/localstack/template"
	"zapas/shared/api"
)

type object = map[string]any

// edited is the golden template, changed.
func edited(t *testing.T, change func(whole, resources object)) []byte {
	t.Helper()
	var whole object
	if err := json.Unmarshal(golden.Template(), &whole); err != nil {
		t.Fatal(err)
	}
	change(whole, whole["Resources"].(object))
	b, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func properties(resources object, id string) object {
	return resources[id].(object)["Properties"].(object)
}

func read(t *testing.T) *template.Deployment {
	t.Helper()
	d, err := deployment.Read(nil, "http://api.test")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestGolden: what is read is what the template says.
func TestGolden(t *testing.T) {
	t.Parallel()
	d := read(t)
	t.Run("Tables", func(t *testing.T) {
		t.Parallel()
		text := func(name string) dynamodb.Attribute { return dynamodb.Attribute{Name: name, Type: "S"} }
		rows := dynamodb.Key{Partition: text("PK"), Sort: text("SK")}
		want := map[string]dynamodb.Table{
			"Table": {Name: deployment.Table, Key: rows, TTL: "ttl", Indexes: []dynamodb.Index{
				{Name: "owner", Key: dynamodb.Key{Partition: text("owner"), Sort: text("PK")}, Projection: "ALL"},
				{Name: "fleet", Key: dynamodb.Key{Partition: text("fleet"), Sort: text("fleetKey")}, Projection: "ALL"},
				{Name: "due", Key: dynamodb.Key{Partition: text("due"), Sort: text("dueKey")}, Projection: "INCLUDE", Include: []string{"id"}}}},
			"Identity": {Name: deployment.Identity, Key: rows, TTL: "ttl", Indexes: []dynamodb.Index{
				{Name: "users", Key: dynamodb.Key{Partition: text("users"), Sort: text("userKey")}, Projection: "INCLUDE", Include: []string{"id", "name", "email"}}}},
			"VaultKeys": {Name: deployment.VaultKeys, Key: rows, TTL: "ttl"},
			"Audit":     {Name: deployment.Audit, Key: rows, TTL: "ttl"},
		}
		for what, w := range want {
			at := slices.IndexFunc(d.Tables, func(t template.Table) bool { return t.Name == w.Name })
			if at < 0 {
				t.Errorf("there is no table %s", what)
				continue
			}
			if diff := cmp.Diff(w, d.Tables[at].Table); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			if guarded := d.Tables[at].Policy != nil; guarded != (what != "Table") {
				t.Errorf("%s has a policy: %t", what, guarded)
			}
		}
	})
	t.Run("Routes", func(t *testing.T) {
		t.Parallel()
		want, got := map[string]template.Route{}, map[string]template.Route{}
		for _, r := range api.Routes {
			want[r.Method+" "+r.Path] = template.Route{Method: r.Method, Path: r.Path, Function: r.Function, JWT: r.Auth == api.AuthConsole}
		}
		for _, r := range d.Routes {
			if r.Timeout <= 0 {
				t.Errorf("%s %s has no time", r.Method, r.Path)
			}
			r.Timeout = 0
			got[r.Method+" "+r.Path] = r
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the contract (-), the template (+):\n%s", diff)
		}
	})
	t.Run("Functions", func(t *testing.T) {
		t.Parallel()
		f, ok := d.Function("sessions")
		want := map[string]string{
			"ZAPAS_TENANT": "demo", "ZAPAS_ISSUER": "http://api.test/oidc", "ZAPAS_AUDIENCE": deployment.Audience, "ZAPAS_GROUPS_CLAIM": "groups", "ZAPAS_BUS": d.Buses[0],
			"ZAPAS_TABLE": deployment.Table, "ZAPAS_TABLE_IDENTITY": deployment.Identity, "ZAPAS_TABLE_VAULTKEYS": deployment.VaultKeys,
			"ZAPAS_TABLE_AUDIT": deployment.Audit, "ZAPAS_VAULT_KEY": deployment.VaultKey(d), "ZAPAS_QUOTA": f.Env["ZAPAS_QUOTA"], "ZAPAS_ROLES": f.Env["ZAPAS_ROLES"],
		}
		if diff := cmp.Diff(want, f.Env); !ok || diff != "" || f.Timeout <= 0 || f.MemoryMB <= 0 || f.Reserved <= 0 {
			t.Errorf("%t %v %d %d (-want +got):\n%s", ok, f.Timeout, f.MemoryMB, f.Reserved, diff)
		}
	})
	t.Run("Buckets", func(t *testing.T) {
		t.Parallel()
		for _, b := range d.Buckets {
			own := slices.ContainsFunc(d.Keys, func(k template.Key) bool { return k.ARN == b.Key && b.Key != deployment.VaultKey(d) })
			if own != (b.Name == deployment.Bucket) || b.Policy == nil {
				t.Errorf("%s is encrypted under a key of its own: %t; its policy: %s", b.Name, own, b.Policy)
			}
		}
	})
	t.Run("Policies", func(t *testing.T) {
		t.Parallel()
		p, err := d.Policies()
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Identity) != len(d.Roles) || len(p.Resource) != len(d.Keys)+len(d.Buckets)+len(d.Tables)-1+len(d.Queues) || len(d.Queues) != 1 {
			t.Errorf("there are policies of %d roles and %d resources", len(p.Identity), len(p.Resource))
		}
	})
}

// TestUnknown: what the local stack does not know is refused, by its name and its place.
func TestUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(whole, resources object)
		says   []string
	}{
		"Function": {func(_, r object) {
			properties(r, "Api")["ProtocolType"] = object{"Fn::Join": []any{"", []any{"HT", "TP"}}}
		}, []string{"Api ", "/ProtocolType/Fn::Join"}},
		"FunctionDeepInside": {func(_, r object) {
			s := properties(r, "PolicyUploads")["PolicyDocument"].(object)["Statement"].([]any)[0].(object)
			s["Resource"] = []any{object{"Fn::ImportValue": "x"}}
		}, []string{"PolicyUploads ", "/PolicyDocument/Statement/0/Resource/0/Fn::ImportValue"}},
		"If": {func(_, r object) {
			properties(r, "FunctionDevices")["Timeout"] = object{"Fn::If": []any{"C", 1, 2}}
		}, []string{"FunctionDevices ", "/Timeout/Fn::If"}},
		"FunctionAmongOthers": {func(_, r object) {
			properties(r, "FunctionDevices")["Role"] = object{"Ref": "RoleDevices", "X": 1}
		}, []string{"FunctionDevices ", "/Role/Ref"}},
		"SubWithTwoArguments": {func(_, r object) {
			properties(r, "FunctionDevices")["Role"] = object{"Fn::Sub": []any{"${A}", object{"A": "b"}}}
		}, []string{"FunctionDevices ", "/Role/Fn::Sub"}},
		"PseudoParameter": {func(_, r object) {
			properties(r, "FunctionDevices")["Role"] = object{"Ref": "AWS::StackId"}
		}, []string{"FunctionDevices ", "/Role", "AWS::StackId"}},
		"Attribute": {func(_, r object) {
			properties(r, "FunctionDevices")["Role"] = object{"Fn::GetAtt": []any{"RoleDevices", "RoleId"}}
		}, []string{"FunctionDevices ", "/Role", "RoleDevices.RoleId", "AWS::IAM::Role"}},
		"NoSuchResource": {func(_, r object) {
			properties(r, "FunctionDevices")["Role"] = object{"Ref": "RoleGone"}
		}, []string{"FunctionDevices ", "/Role", "RoleGone"}},
		"NothingStandsForIt": {func(_, r object) {
			properties(r, "FunctionDevices")["Environment"].(object)["Variables"].(object)["ZAPAS_TENANT"] = object{"Ref": "UserPool"}
		}, []string{"FunctionDevices ", "/Environment/Variables/ZAPAS_TENANT", "UserPool", "AWS::Cognito::UserPool"}},
		"StandsForNothing": {func(_, r object) {
			for _, f := range []string{"Profiles", "Devices", "Sessions", "Restores"} {
				properties(r, "Function"+f)["Environment"].(object)["Variables"].(object)["ZAPAS_GROUPS_CLAIM"] = "groups"
			}
		}, []string{"cognito:groups"}},
		"Type": {func(_, r object) {
			r["Machine"] = object{"Type": "AWS::EC2::Instance"}
		}, []string{"Machine", "AWS::EC2::Instance"}},
		"PolicyOfNoQueue":   {func(_, r object) { properties(r, "DeadTicksPolicy")["Queues"] = []any{"gone"} }, []string{"queue", "gone"}},
		"ScheduleOfNoGroup": {func(_, r object) { delete(properties(r, "Watch"), "GroupName") }, []string{"Watch", "group"}},
		"ScheduleWithAnEnd": {func(_, r object) { properties(r, "Watch")["EndDate"] = "2030-01-01" }, []string{"Watch ", "EndDate"}},
		"Property": {func(_, r object) {
			properties(r, "LocationEu")["ObjectLockEnabled"] = true
		}, []string{"LocationEu ", "ObjectLockEnabled"}},
		"PropertyDeepInside": {func(_, r object) {
			properties(r, "TableIdentity")["GlobalSecondaryIndexes"].([]any)[0].(object)["OnDemandThroughput"] = object{}
		}, []string{"TableIdentity ", "/GlobalSecondaryIndexes/0/OnDemandThroughput"}},
		"Section": {func(w, _ object) { w["Parameters"] = object{} }, []string{"Parameters"}},
		"Condition": {func(_, r object) {
			r["TableAudit"].(object)["Condition"] = "C"
		}, []string{"TableAudit", "Condition"}},
		"KeyWithoutPolicy": {func(_, r object) { delete(properties(r, "VaultKey"), "KeyPolicy") }, []string{"VaultKey", "KeyPolicy"}},
		"KeyWithoutBucketKey": {func(_, r object) {
			rules := properties(r, "LocationEu")["BucketEncryption"].(object)["ServerSideEncryptionConfiguration"].([]any)
			delete(rules[0].(object), "BucketKeyEnabled")
		}, []string{"LocationEu"}},
		"PolicyOfNoBucket":        {func(_, r object) { delete(r, "LocationEu"); properties(r, "LocationEuPolicy")["Bucket"] = "gone" }, []string{"LocationEu"}},
		"NotPermittedToCall":      {func(_, r object) { delete(r, "InvokeUploads") }, []string{"uploads", "AWS::Lambda::Permission"}},
		"PermittedForAnother":     {func(_, r object) { properties(r, "InvokeUploads")["SourceAccount"] = "111111111111" }, []string{"uploads", "AWS::Lambda::Permission"}},
		"RouteToNothing":          {func(_, r object) { properties(r, "RouteGetMe")["Target"] = "integrations/Gone" }, []string{"GET /v1/me", "integrations/Gone"}},
		"RouteWithoutAuthorizer":  {func(_, r object) { delete(properties(r, "RouteGetMe"), "AuthorizerId") }, []string{"GET /v1/me", "authorizer"}},
		"RouteWithIAM":            {func(_, r object) { properties(r, "RouteGetMe")["AuthorizationType"] = "AWS_IAM" }, []string{"RouteGetMe"}},
		"AuthorizerOfAnotherKind": {func(_, r object) { properties(r, "Authorizer")["AuthorizerType"] = "REQUEST" }, []string{"Authorizer"}},
		"OlderPayload":            {func(_, r object) { properties(r, "IntegrationDevices")["PayloadFormatVersion"] = "1.0" }, []string{"IntegrationDevices"}},
		"RoleOfNobody":            {func(_, r object) { properties(r, "FunctionDevices")["Role"] = "arn:aws:iam::000000000000:role/x" }, []string{"devices", "role/x"}},
		"CORS":                    {func(_, r object) { properties(r, "Api")["CorsConfiguration"] = object{} }, []string{"Api ", "CorsConfiguration"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := deployment.Read(edited(t, c.change), "http://api.test")
			if err == nil {
				t.Fatal("it is taken")
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("it does not say %q: %v", s, err)
				}
			}
		})
	}
}

// TestNamesStay: the same template has the same names each time: what was stored is found again.
func TestNamesStay(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(read(t), read(t)); diff != "" {
		t.Error(diff)
	}
	arns := map[string]int{}
	for _, k := range read(t).Keys {
		arns[k.ARN]++
	}
	if len(arns) != len(read(t).Keys) {
		t.Errorf("two keys are one: %v", slices.Collect(maps.Keys(arns)))
	}
}
