package iam_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/iam"
)

const (
	root    = "arn:aws:iam::111122223333:root"
	bucket  = "arn:aws:s3:::data"
	object  = "arn:aws:s3:::data/u/1/c"
	key     = "arn:aws:kms:eu-central-1:111122223333:key/1234"
	session = "arn:aws:sts::111122223333:assumed-role/app/fn"
)

func document(t testing.TB, parse func(string, []byte) (*iam.Document, error), name, statements string) *iam.Document {
	t.Helper()
	d, err := parse(name, []byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func identity(t testing.TB, statements string) *iam.Document {
	t.Helper()
	return document(t, iam.ParseIdentity, "role", statements)
}

// ask is an action on a resource of an owner.
type ask struct{ action, on, owner string }

func TestEvaluate(t *testing.T) {
	t.Parallel()
	const (
		byDefault  = "because no identity-based policy allows the "
		byKey      = "because no resource-based policy allows the "
		byRole     = "with an explicit deny in an identity-based policy"
		byResource = "with an explicit deny in a resource-based policy"

		allowGet    = `{"Sid":"Get","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/*"}`
		denyGet     = `{"Sid":"NoGet","Effect":"Deny","Action":"s3:GetObject","Resource":"*"}`
		allowUse    = `{"Sid":"Use","Effect":"Allow","Action":"kms:Decrypt","Resource":"` + key + `"}`
		accountUse  = `{"Sid":"Account","Effect":"Allow","Principal":{"AWS":"` + root + `"},"Action":"kms:*","Resource":"*"}`
		roleUse     = `{"Sid":"Role","Effect":"Allow","Principal":{"AWS":"` + app + `"},"Action":"kms:Decrypt","Resource":"*"}`
		nobodyElse  = `{"Sid":"NobodyElse","Effect":"Deny","Principal":{"AWS":"*"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"` + app + `"}}}`
		rootRepairs = `{"Sid":"Repair","Effect":"Allow","Principal":{"AWS":"` + root + `"},"Action":"kms:PutKeyPolicy","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"` + root + `"}}}`
		bucketApp   = `{"Sid":"App","Effect":"Allow","Principal":{"AWS":"` + app + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::data/*"}`
	)
	get, put := ask{"s3:GetObject", object, bucket}, ask{"s3:PutObject", object, bucket}
	use, repair := ask{"kms:Decrypt", key, key}, ask{"kms:PutKeyPolicy", key, key}
	for name, c := range map[string]struct {
		page           string
		who            string // app unless said
		role, resource string // statements
		ask            ask
		keys           iam.Keys
		why            string // "": allowed
		by             string // the deciding statements
	}{
		"DeniedByDefault":               {page: pageDifferent, ask: get, why: byDefault},
		"AllowedByTheRole":              {page: pageEval, role: allowGet, ask: get, by: "Get"},
		"DenyGoesBeforeAllow":           {page: pageDifferent, role: allowGet + "," + denyGet, ask: get, why: byRole, by: "NoGet"},
		"DenyGoesBeforeAllowAsWritten":  {page: pageDifferent, role: denyGet + "," + allowGet, ask: get, why: byRole, by: "NoGet"},
		"OtherAction":                   {page: pageEval, role: allowGet, ask: put, why: byDefault},
		"OtherRole":                     {page: pageEval, who: other, role: allowGet, ask: get, why: byDefault},
		"AllowedByTheBucketAlone":       {page: pageEval, resource: bucketApp, ask: get, by: "App"},
		"AllowedByBoth":                 {page: pageEval, role: allowGet, resource: bucketApp, ask: get, by: "Get App"},
		"BucketNamesAnother":            {page: pagePrincipal, who: other, resource: bucketApp, ask: get, why: byDefault},
		"BucketDenyGoesBeforeRole":      {page: pageEval, role: allowGet, resource: `{"Sid":"No","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::data","arn:aws:s3:::data/*"]}`, ask: get, why: byResource, by: "No"},
		"RoleDenyGoesBeforeBucket":      {page: pageEval, role: denyGet, resource: bucketApp, ask: get, why: byRole, by: "NoGet"},
		"BucketAllowsTheSession":        {page: pagePrincipal, resource: `{"Sid":"S","Effect":"Allow","Principal":{"AWS":"` + session + `"},"Action":"s3:GetObject","Resource":"*"}`, ask: get, by: "S"},
		"BucketAllowsAnotherSession":    {page: pagePrincipal, resource: `{"Sid":"S","Effect":"Allow","Principal":{"AWS":"` + session + `x"},"Action":"s3:GetObject","Resource":"*"}`, ask: get, why: byDefault},
		"BucketAllowsEverybody":         {page: pagePrincipal, resource: `{"Sid":"E","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}`, ask: get, by: "E"},
		"BucketAllowsTheAccount":        {page: pagePrincipal, resource: `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"*"}`, ask: get, why: byDefault},
		"BucketDeniesTheAccount":        {page: pagePrincipal, role: allowGet, resource: `{"Sid":"No","Effect":"Deny","Principal":{"AWS":"` + root + `"},"Action":"s3:GetObject","Resource":"*"}`, ask: get, why: byResource, by: "No"},
		"BucketAllowsAnotherAccount":    {page: pagePrincipal, resource: `{"Effect":"Allow","Principal":{"AWS":"999999999999"},"Action":"s3:GetObject","Resource":"*"}`, ask: get, why: byDefault},
		"PrincipalIsOr":                 {page: pagePrincipal, resource: `{"Sid":"Two","Effect":"Allow","Principal":{"AWS":["` + other + `","` + app + `"]},"Action":"s3:GetObject","Resource":"*"}`, ask: get, by: "Two"},
		"ServiceByItsName":              {page: pagePrincipal, who: "logging.s3.amazonaws.com", resource: `{"Sid":"Log","Effect":"Allow","Principal":{"Service":"logging.s3.amazonaws.com"},"Action":"s3:PutObject","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}}`, ask: put, keys: keys("aws:SourceAccount", "111122223333"), by: "Log"},
		"ServiceForAnotherAccount":      {page: "The confused deputy problem", who: "logging.s3.amazonaws.com", resource: `{"Sid":"Log","Effect":"Allow","Principal":{"Service":"logging.s3.amazonaws.com"},"Action":"s3:PutObject","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}}`, ask: put, keys: keys("aws:SourceAccount", "999999999999"), why: byDefault},
		"ServiceIsNoRole":               {page: pagePrincipal, resource: `{"Sid":"Log","Effect":"Allow","Principal":{"Service":"logging.s3.amazonaws.com"},"Action":"s3:*","Resource":"*"}`, ask: put, why: byDefault},
		"DenyToAllHitsServices":         {page: pagePrincipal, who: "logging.s3.amazonaws.com", resource: `{"Effect":"Allow","Principal":{"Service":"logging.s3.amazonaws.com"},"Action":"s3:PutObject","Resource":"*"},{"Sid":"Others","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"` + app + `"}}}`, ask: put, why: byResource, by: "Others"},
		"RootNeedsNoPolicy":             {page: pageEval, who: root, ask: get},
		"RootIsDeniedByTheBucket":       {page: pageEval, who: root, resource: `{"Sid":"No","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*"}`, ask: get, why: byResource, by: "No"},
		"ActionIgnoresCase":             {page: pageAction, role: `{"Sid":"Get","Effect":"Allow","Action":"S3:getobject","Resource":"*"}`, ask: get, by: "Get"},
		"ActionWildcard":                {page: pageAction, role: `{"Sid":"G","Effect":"Allow","Action":"s3:Get*","Resource":"*"}`, ask: get, by: "G"},
		"ActionWildcardOfOneService":    {page: pageAction, role: `{"Sid":"G","Effect":"Allow","Action":"s3:*","Resource":"*"}`, ask: ask{"dynamodb:GetItem", table, table}, why: byDefault},
		"ActionIsWhole":                 {page: pageAction, role: `{"Sid":"G","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`, ask: ask{"s3:GetObjectVersion", object, bucket}, why: byDefault},
		"NotActionAllowsTheRest":        {page: pageNotAction, role: `{"Sid":"Rest","Effect":"Allow","NotAction":"kms:*","Resource":"*"}`, ask: get, by: "Rest"},
		"NotActionIsNoDeny":             {page: pageNotAction, role: `{"Sid":"Rest","Effect":"Allow","NotAction":"s3:GetObject","Resource":"*"},` + allowGet, ask: get, by: "Get"},
		"NotActionDeniesTheRest":        {page: pageNotAction, role: allowGet + `,{"Sid":"Only","Effect":"Deny","NotAction":["s3:PutObject","s3:DeleteObject"],"Resource":"*"}`, ask: get, why: byRole, by: "Only"},
		"ResourceIsCaseSensitive":       {page: pageResource, role: `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::Data/*"}`, ask: get, why: byDefault},
		"ResourceStarReachesOverSlash":  {page: pageResource, role: `{"Sid":"C","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/u/*/c"}`, ask: ask{"s3:GetObject", "arn:aws:s3:::data/u/1/s/2/c", bucket}, by: "C"},
		"ResourceBucketIsNoObject":      {page: "Policies and permissions in Amazon S3", role: `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data"}`, ask: get, why: byDefault},
		"ResourceObjectsAreNoBucket":    {page: "Policies and permissions in Amazon S3", role: `{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::data/*"}`, ask: ask{"s3:ListBucket", bucket, bucket}, why: byDefault},
		"NotResourceDeniesTheRest":      {page: pageNotRes, role: allowGet + `,{"Sid":"Only","Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::data/u/2/*"}`, ask: get, why: byRole, by: "Only"},
		"NotResourceSparesItsOwn":       {page: pageNotRes, role: allowGet + `,{"Sid":"Only","Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::data/u/1/*"}`, ask: get, by: "Get"},
		"TableIsNoIndex":                {page: pageDynamoDB, role: `{"Effect":"Allow","Action":"dynamodb:Query","Resource":"` + table + `"}`, ask: ask{"dynamodb:Query", table + "/index/i", table}, why: byDefault},
		"IndexOfTheTable":               {page: pageDynamoDB, role: `{"Sid":"Q","Effect":"Allow","Action":"dynamodb:Query","Resource":"` + table + `/index/*"}`, ask: ask{"dynamodb:Query", table + "/index/i", table}, by: "Q"},
		"TablePolicyDeniesOthers":       {page: "Using resource-based policies for DynamoDB", who: other, role: "", resource: `{"Sid":"Others","Effect":"Deny","Principal":"*","Action":"dynamodb:*","Resource":"*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"` + app + `"}}}`, ask: ask{"dynamodb:GetItem", table, table}, why: byResource, by: "Others"},
		"ScanPassesNoLeadingKeys":       {page: pageDynamoDB, role: `{"Sid":"Own","Effect":"Allow","Action":"dynamodb:*","Resource":"` + table + `","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["me"]}}}`, ask: ask{"dynamodb:Scan", table, table}, by: "Own"},
		"KeyWithoutPolicy":              {page: pageKeyPolicy, role: allowUse, ask: use, why: byKey},
		"KeyPolicyAlone":                {page: pageKeyPolicy, resource: roleUse, ask: use, by: "Role"},
		"KeyPolicyOfAnother":            {page: pageKeyPolicy, who: other, resource: roleUse, ask: use, why: byKey},
		"KeyPolicyForAnotherAction":     {page: pageKeyPolicy, role: allowUse, resource: `{"Effect":"Allow","Principal":{"AWS":"` + root + `"},"Action":"kms:Describe*","Resource":"*"}`, ask: use, why: byKey},
		"KeyLeftToTheAccount":           {page: pageDefault, role: allowUse, resource: accountUse, ask: use, by: "Use Account"},
		"KeyLeftToTheAccountWithoutOne": {page: pageDefault, resource: accountUse, ask: use, why: byDefault},
		"KeyForTheRootUserAlone":        {page: pageDefault, role: `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`, resource: rootRepairs, ask: repair, why: byKey},
		"KeyForTheRootUser":             {page: pageDefault, who: root, resource: rootRepairs, ask: repair, by: "Repair"},
		"KeyNotForTheRootUser":          {page: pageKeyPolicy, who: root, resource: roleUse, ask: use, why: byKey},
		"KeyDeniesAllButOne":            {page: pageKeyPolicy, who: other, resource: accountUse + "," + nobodyElse, ask: use, why: byResource, by: "NobodyElse"},
		"KeyDeniesRootAsWell":           {page: pageKeyPolicy, who: root, resource: accountUse + "," + nobodyElse, ask: use, why: byResource, by: "NobodyElse"},
		"KeySparesTheOne":               {page: pageKeyPolicy, resource: roleUse + "," + nobodyElse, ask: use, by: "Role"},
		"KeyOnlyThroughS3":              {page: pageKMSKeys, resource: `{"Sid":"Via","Effect":"Allow","Principal":{"AWS":"` + app + `"},"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.eu-central-1.amazonaws.com"}}}`, ask: use, why: byKey},
		"KeyThroughS3":                  {page: pageKMSKeys, resource: `{"Sid":"Via","Effect":"Allow","Principal":{"AWS":"` + app + `"},"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.eu-central-1.amazonaws.com"}}}`, ask: use, keys: keys("kms:ViaService", "s3.eu-central-1.amazonaws.com"), by: "Via"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &iam.Policies{Identity: map[string][]*iam.Document{}, Resource: map[string]*iam.Document{}}
			if c.role != "" {
				p.Identity[app] = []*iam.Document{identity(t, c.role)}
			}
			if c.resource != "" {
				p.Resource[c.ask.owner] = document(t, iam.ParseResource, "resource", c.resource)
			}
			who := iam.Principal{ARN: app, Session: "fn"}
			if c.who != "" {
				who = iam.Principal{ARN: c.who}
			}
			d := p.Evaluate(who, iam.Request{Action: c.ask.action, Resource: c.ask.on, Owner: c.ask.owner, Keys: c.keys})
			if c.why == byDefault || c.why == byKey {
				c.why += c.ask.action + " action"
			}
			by := ""
			for _, use := range d.By {
				if by != "" {
					by += " "
				}
				by += use.Statement
			}
			if diff := cmp.Diff([]any{c.why == "", c.why, c.by}, []any{d.Allowed, d.Why, by}); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.page, diff)
			}
		})
	}
}
