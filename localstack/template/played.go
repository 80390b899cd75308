package template

// unplayed are the types of resources that nothing on one machine needs, and why. Of those that others name, the names
// are known all the same.
var unplayed = map[string]string{
	"AWS::CloudFront::Distribution":          "the API is served by its own address, and the console by the same",
	"AWS::CloudFront::OriginAccessControl":   "there is no distribution that would read the console's bucket",
	"AWS::CloudFront::ResponseHeadersPolicy": "there is no distribution that would add them",
	"AWS::CloudTrail::Trail":                 "nobody but the functions calls AWS here; denials are logged",
	"AWS::CloudWatch::Alarm":                 "nobody is woken; stack.log tells what went wrong",
	"AWS::CloudWatch::Dashboard":             "there are no metrics",
	"AWS::Cognito::ManagedLoginBranding":     "the development issuer has a page of its own",
	"AWS::Cognito::UserPool":                 "the development issuer knows the people here",
	"AWS::Cognito::UserPoolClient":           "the development issuer knows the console",
	"AWS::Cognito::UserPoolDomain":           "the development issuer is at the API's address",
	"AWS::Cognito::UserPoolGroup":            "the development issuer says in which groups people are",
	"AWS::Logs::LogGroup":                    "what functions print goes to stack.log",
	"AWS::Logs::MetricFilter":                "there are no metrics",
	"AWS::SNS::Topic":                        "nobody is woken",
	"AWS::SNS::TopicPolicy":                  "nobody is woken",
}

// unread are the properties of played resources that make no difference here, and why.
var unread = map[string]string{
	"AWS::ApiGatewayV2::Api/Description":                    "it is for people",
	"AWS::ApiGatewayV2::Api/Name":                           "it is for people",
	"AWS::ApiGatewayV2::Authorizer/Name":                    "it is for people",
	"AWS::ApiGatewayV2::Route/OperationName":                "it is for people",
	"AWS::ApiGatewayV2::Stage/AccessLogSettings":            "nobody reads an access log here",
	"AWS::ApiGatewayV2::Stage/AutoDeploy":                   "what the template says is served at once",
	"AWS::ApiGatewayV2::Stage/DefaultRouteSettings":         "nothing is throttled",
	"AWS::DynamoDB::Table/BillingMode":                      "nothing is billed, and nothing throttled",
	"AWS::DynamoDB::Table/DeletionProtectionEnabled":        "no role of the template may delete a table",
	"AWS::DynamoDB::Table/PointInTimeRecoverySpecification": "there are no backups of tables",
	"AWS::IAM::Role/AssumeRolePolicyDocument":               "nobody can assume a role: each function is given the credentials of its own",
	"AWS::IAM::Role/Description":                            "it is for people",
	"AWS::IAM::Role/MaxSessionDuration":                     "nobody can assume a role",
	"AWS::KMS::Key/Description":                             "it is for people",
	"AWS::KMS::Key/EnableKeyRotation":                       "keys do not get a year old",
	"AWS::KMS::Key/PendingWindowInDays":                     "no role of the template may delete a key",
	"AWS::Lambda::Function/Architectures":                   "programs are built for this machine's processor",
	"AWS::Lambda::Function/Description":                     "it is for people",
	"AWS::Lambda::Function/Handler":                         "a program of its own runtime has but one",
	"AWS::Lambda::Function/LoggingConfig":                   "what functions print goes to stack.log",
	"AWS::Lambda::Function/Runtime":                         "programs bring their own, and run on this machine's system",
	"AWS::Lambda::Function/TracingConfig":                   "there are no traces",
	"AWS::S3::Bucket/LifecycleConfiguration":                "nothing that it removes comes to be: buckets have no versions and no multipart uploads",
	"AWS::S3::Bucket/LoggingConfiguration":                  "nobody reads an access log here",
	"AWS::S3::Bucket/OwnershipControls":                     "objects have no access control lists",
	"AWS::S3::Bucket/PublicAccessBlockConfiguration":        "every request must be signed",
	"AWS::S3::Bucket/VersioningConfiguration":               "no function overwrites or deletes an object, which the bucket's policy proves: there is never but one version",
}
