"""Forms in which secrets appear, one per line; `@@` is the secret, and `\\n` a line break."""

from typing import Final


def _table(text: str) -> tuple[str, ...]:
    return tuple(line.replace("\\n", "\n") for line in text.strip().splitlines())


HEADERS: Final = _table(r"""
Authorization: Bearer @@
authorization: Basic @@
Authorization: Splunk @@
Authorization: GoogleLogin auth=@@
Authorization: SharedKey account:@@
Authorization: token @@
Proxy-Authorization: Basic @@
X-Api-Key: @@
X-Vault-Token: @@
PRIVATE-TOKEN: @@
DD-API-KEY: @@
DD-APPLICATION-KEY: @@
Ocp-Apim-Subscription-Key: @@
X-Auth-Token: @@
X-Amz-Security-Token: @@
X-Hub-Signature: sha1=@@
Cookie: session=@@
Set-Cookie: sid=@@; HttpOnly
Cookie: theme=dark; auth=@@
Authorization: Digest username="u", response="@@"
x-goog-api-key: @@
curl -H 'X-Api-Key: @@' https://h
curl -H "Authorization: ApiKey @@" https://h
{"Authorization": "Bearer @@"}
Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=@@
Authorization: GenieKey @@
""")

URLS: Final = _table(r"""
https://hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/@@
https://hooks.slack.com/workflows/T0A1B2C3D/A0A1/@@
https://discord.com/api/webhooks/123456789012345678/@@
https://discordapp.com/api/webhooks/123456789012345678/@@
https://acme.webhook.office.com/webhookb2/@@/IncomingWebhook/x
https://maker.ifttt.com/trigger/down/with/key/@@
https://hooks.zapier.com/hooks/catch/123456/@@/
https://api.telegram.org/bot123456789:@@/sendMessage
https://events.pagerduty.com/integration/@@/enqueue
https://open.feishu.cn/open-apis/bot/v2/hook/@@
https://oapi.dingtalk.com/robot/send?access_token=@@
https://chat.googleapis.com/v1/spaces/A/messages?key=@@&x=1
https://mattermost.example.com/hooks/@@
https://hc-ping.com/@@
https://b.s3.amazonaws.com/k?X-Amz-Credential=a&X-Amz-Signature=@@&x=1
https://a.blob.core.windows.net/c?sv=2022&sig=@@
https://storage.googleapis.com/b/o?X-Goog-Signature=@@
https://d1.cloudfront.net/f?Expires=1&Signature=@@&Key-Pair-Id=K
https://maps.example.com/api?key=@@
https://h/cb?code=@@&state=1
https://h/?auth=@@
https://h/?api_key=@@
https://h/?apikey=@@&b=1
https://h/?client_secret=@@
https://h/?password=@@
https://h/?pass=@@
https://h/?sid=@@
https://@@@github.com/o/r.git
https://oauth2:@@@gitlab.com/o/r.git
https://x-access-token:@@@github.com/o/r
https://user:@@@host/p
ftp://me:@@@files/x
https://h/#access_token=@@&type=bearer
redirect https%3A%2F%2Fh%2F%3Ftoken%3D@@
https://h/x?subscription-key=@@
https://h/?session_id=@@
otpauth://totp/a?secret=@@&issuer=b
""")

DATA_SOURCES: Final = _table(r"""
postgres://app:@@@db:5432/shop
postgresql+asyncpg://app:@@@db/shop
mysql://root:@@@db:3306/x
mariadb://u:@@@h/x
mongodb://u:@@@a,b,c/x?replicaSet=r
mongodb+srv://u:@@@c.example.net
redis://:@@@cache:6379/0
rediss://default:@@@h
amqp://guest:@@@mq:5672/v
amqps://guest:@@@mq
nats://u:@@@n:4222
smtp://u:@@@mail:587
ldap://cn=a:@@@dc
mssql://sa:@@@h/x
clickhouse://u:@@@h:9000
jdbc:postgresql://h/x?user=a&password=@@
jdbc:oracle:thin:scott/@@@h:1521/XE
app:@@@tcp(db:3306)/shop?parseTime=true
Server=h;Database=x;User Id=sa;Password=@@;
Data Source=h;Uid=a;Pwd=@@;Timeout=5
host=db user=app password=@@ dbname=shop
Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=@@=
DefaultEndpointsProtocol=https;AccountName=a;AccountKey=@@==;EndpointSuffix=core.windows.net
db:5432:shop:app:@@
sqlserver://h:1433;user=a;password=@@;encrypt=true
https://public:@@@o1.ingest.sentry.io/1
s3://key:@@@bucket
""")

MANIFESTS: Final = _table(r"""
users:\n- name: a\n  user:\n    client-key-data: @@==\n
users:\n- name: a\n  user:\n    token: @@\n
{"auths": {"https://index.docker.io/v1/": {"auth": "@@"}}}
data:\n  .dockerconfigjson: @@=\n
kind: Secret\nstringData:\n  a: b\n  other: @@\ntype: Opaque
data:\n  password: @@==\n
data:\n  username: @@\n
env:\n- name: DB_PASSWORD\n  value: @@\n
env:\n- name: GITHUB_TOKEN\n  value: "@@"\n
env:\n- name: API_KEY\n  value: '@@'\n
[{"name": "DB_PASSWORD", "value": "@@"}]
{"name":"STRIPE_SECRET","value":"@@"}
password: |\n  @@\nuser: a
password: >-\n  @@\n
password:\n  @@\n
privateKey: |-\n    @@\n    x\nuser: a
//registry.example.com/:_authToken=@@
_auth=@@
identitytoken: @@
{"identitytoken": "@@"}
{"passwords": ["@@", "b"]}
{"api_keys":{"eu":"@@"}}
{"secret": {"value": "@@"}}
tokens = ['@@']
machine h login me password @@
machine h\n  login me\n  password @@
{\n "AccessKeyId": "x",\n "SecretAccessKey": "@@",\n "Version": 1}
{"SessionToken": "@@"}
"private_key_id": "@@"
""")

COMMANDS: Final = _table(r"""
mysql -u root -p@@ shop
mariadb -u root -p@@ shop
mysqldump --password=@@ x
login --password @@
tool --token @@ run
cli --api-key '@@'
curl -u admin:@@ https://h
curl --user admin:@@ https://h
sshpass -p @@ ssh h
redis-cli -h h -a @@ ping
docker login -u a -p @@ r.example.com
helm upgrade --set db.password=@@
kubectl create secret generic a --from-literal=password=@@
az login --client-secret @@
the password is @@
Password for admin was set to @@
new password: @@
PASSWORD=@@ ./run
openssl -passin pass:@@
vault login token=@@
--db-password=@@
set password='@@' for root
""")
