package stack

import (
	"cmp"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"

	"zapas/infra/policy"
)

// roles are made without permissions, which follow in resources of their own: keys, buckets and tables name the roles,
// and permissions name them.
func (d *deployment) roles() {
	for _, r := range policy.Roles(d.permissions()) {
		role := awsiam.NewCfnRole(d.stack, text("Role"+r.Name), &awsiam.CfnRoleProps{Description: text("Zapas: " + r.About), AssumeRolePolicyDocument: policy.Document(r.Trust)})
		if r.Name == "Recovery" {
			role.SetMaxSessionDuration(number(3600))
		}
		awsiam.NewCfnPolicy(d.stack, text("Policy"+r.Name), &awsiam.CfnPolicyProps{PolicyName: text(r.Name), Roles: texts("${Role" + r.Name + "}"), PolicyDocument: policy.Document(r.Statements)})
	}
}

// program is how a function runs.
type program struct {
	name     string
	reserved int // at most so many at once; 0: no limit of its own
	seconds  int // that it has; 0: ten, in which three attempts of a call of AWS have room
	env      []string
}

// programs say which settings each function is told. All have 256 MB, of which CPU follows.
func (d *deployment) programs() []program {
	signedIn := []string{"ZAPAS_ISSUER", "ZAPAS_AUDIENCE", "ZAPAS_GROUPS_CLAIM", "ZAPAS_ROLES"}
	with := func(more ...string) []string {
		return append(append([]string{"ZAPAS_TENANT", "ZAPAS_TABLE"}, signedIn...), more...)
	}
	schedules := []string{"ZAPAS_BUS", "ZAPAS_SCHEDULES", "ZAPAS_SCHEDULES_ROLE", "ZAPAS_SCHEDULES_DEAD"}
	return []program{
		{name: "profiles", env: with(append(schedules, "ZAPAS_SCHEDULES_TARGET", "ZAPAS_TABLE_AUDIT", "ZAPAS_LOCATIONS")...)},
		{name: "devices", env: with("ZAPAS_TABLE_IDENTITY", "ZAPAS_TABLE_VAULTKEYS", "ZAPAS_TABLE_AUDIT", "ZAPAS_API", "ZAPAS_BUS")},
		{name: "sessions", env: with("ZAPAS_TABLE_IDENTITY", "ZAPAS_TABLE_VAULTKEYS", "ZAPAS_TABLE_AUDIT", "ZAPAS_VAULT_KEY", "ZAPAS_QUOTA", "ZAPAS_BUS"), reserved: d.settings.Throttling.Sessions},
		{name: "uploads", env: []string{"ZAPAS_TENANT", "ZAPAS_TABLE", "ZAPAS_TABLE_IDENTITY", "ZAPAS_LOCATIONS", "ZAPAS_BUS"}},
		{name: "restores", env: with("ZAPAS_TABLE_IDENTITY", "ZAPAS_LOCATIONS")},
		// Of two watches at once one does the other's work again; a tick is soon done.
		{name: scheduled, env: append(schedules, "ZAPAS_TENANT", "ZAPAS_TABLE", "ZAPAS_TABLE_AUDIT"), seconds: 300},
	}
}

func (d *deployment) functions() {
	all := d.environment()
	for _, p := range d.programs() {
		name := title(p.name)
		awslogs.NewCfnLogGroup(d.stack, text("Logs"+name), &awslogs.CfnLogGroupProps{RetentionInDays: number(d.settings.LogRetentionDays)})
		env := map[string]*string{}
		for _, variable := range p.env {
			env[variable] = text(all[variable])
		}
		code := awss3assets.NewAsset(d.stack, text("Code"+name), &awss3assets.AssetProps{Path: text(filepath.Join(d.dist, p.name))})
		props := &awslambda.CfnFunctionProps{
			Description: text("Zapas: " + p.name), Runtime: text("provided.al2023"), Handler: text("bootstrap"), Architectures: texts("arm64"),
			Code: &awslambda.CfnFunction_CodeProperty{S3Bucket: code.S3BucketName(), S3Key: code.S3ObjectKey()},
			Role: text("${Role" + name + ".Arn}"), MemorySize: number(256), Timeout: number(cmp.Or(p.seconds, 10)),
			Environment:   &awslambda.CfnFunction_EnvironmentProperty{Variables: env},
			LoggingConfig: &awslambda.CfnFunction_LoggingConfigProperty{LogFormat: text("JSON"), LogGroup: text("${Logs" + name + "}")},
			TracingConfig: &awslambda.CfnFunction_TracingConfigProperty{Mode: text("PassThrough")},
		}
		if p.reserved > 0 {
			props.ReservedConcurrentExecutions = number(p.reserved)
		}
		d.after(awslambda.NewCfnFunction(d.stack, text("Function"+name), props), "Policy"+name)
		if p.name == scheduled { // Scheduler calls it in a role of ours, which needs no permission of the function's
			continue
		}
		awslambda.NewCfnPermission(d.stack, text("Invoke"+name), &awslambda.CfnPermissionProps{Action: text("lambda:InvokeFunction"), FunctionName: text("${Function" + name + ".Arn}"),
			Principal: text("apigateway.amazonaws.com"), SourceAccount: text("${AWS::AccountId}"),
			SourceArn: text("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*")})
	}
}
