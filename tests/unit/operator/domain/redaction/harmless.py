"""Texts without a secret, as notifications, logs and manifests hold them."""

from typing import Final

HARMLESS: Final = tuple(
    line.replace("\\n", "\n")
    for line in r"""
Pod cart-7 in namespace prod was restarted 3 times within 10 minutes
Deployment web rolled back to revision 41 after a failed health check
password reset link sent
the token bucket is empty, requests wait 5 s
max_tokens: 4096
maxTokens=2048 temperature=0.7
secretName: registry-credentials
secret: "db-credentials" not found in namespace shop
secret: "registry-auth" does not exist
token: "ci-deployer" was not found
authorization: RBAC enabled
Authorization: header missing from request
x-api-key: required header
X-Vault-Token: header not sent
if password == other.password: return
assert secret == stored.secret
"secrets": ["db-credentials", "registry-auth"]
"tokens": {"input": 812, "output": 96}
imagePullSecrets:\n- name: regcred
the private key is missing
the private key file /etc/tls/tls.key is not readable
Enter your password:\nThen press enter
password: ${DB_PASSWORD}
password: "{{ .Values.password }}"
password: $(DB_PASSWORD)
token: <your token>
token: invalid signature
token: expired at noon
password: ********
passwordPolicy: strict
password_hint: mother
token_ttl: 30m
tokenExpirySeconds: 3600
secretRef:\n  name: web
valueFrom:\n  secretKeyRef:\n    name: db\n    key: password
- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db
- name: MAX_TOKENS\n  value: "4096"
- key: dedicated\n  operator: Exists
key: application
username: administrator
key: node.kubernetes.io/not-ready
the bearer of this ticket may enter
WWW-Authenticate: Bearer realm="https://auth.example.com",error="invalid_token"
PWD=/home/app
OLDPWD=/var/lib/app
sk-learn 1.4 was installed
risk-based eviction of task-1 on disk-pressure
git@github.com:owner/repository.git
logo@2x.png was not found
getty@tty1.service: Deactivated successfully
user@1000.service started
actions/checkout@v4.2.2
npm install lodash@4.17.21 @types/node@20.1.0
version 1.2.3.4 of the driver
Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0 Safari/537.36
listening on 0.0.0.0:8080
dial tcp 127.0.0.1:5432: connect: connection refused
git commit 704993a7f2b1c4d5e6f708192a3b4c5d6e7f8091
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
image nginx@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
docker.io/library/nginx:1.25.3-alpine
uid 0a1b2c3d-4e5f-6789-0a1b-2c3d4e5f6789
trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7
data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ
.header { color: #ff00aa; width: calc(100% - 10px); }
https://example.com:8080/path?x=1#y
https://grafana.example.com/d/abc123/cart?orgId=1&from=now-1h&to=now
https://example.com/search?key=name&code=de
https://github.com/owner/repository/pull/42/files
https://console.cloud.google.com/kubernetes/list?project=shop
postgresql://host:5432/db
redis://cache:6379/0
amqp://mq:5672/vhost
jdbc:postgresql://db:5432/shop
s3://bucket/key/file.txt
kubectl get pods -n prod -o wide
docker run -u 1000:1000 alpine
docker login --password-stdin registry.example.com
mysql -u root -p shop
curl -u https://example.com
helm upgrade web ./chart --set image.tag=1.2.3
kubectl create secret generic web
gcloud auth login
aws sts get-caller-identity
git push --force-with-lease
tool --token-file /run/token --password-file=/run/password
VAULT_TOKEN_FILE=/run/secrets/token
SECRET_NAME=web
TOKEN_URL=https://auth.example.com/oauth/token
AUTH_TYPE=password
grant_type=client_credentials
"token_type": "Bearer", "expires_in": 3600
{"token": null, "password": "", "secret": {"name": "x"}}
{"passwordChangedAt": "2025-11-29T14:30:00Z"}
{"tokens": 120, "tokensPerSecond": 4}
{"tokenCount": 12345678}
{"keys": ["a", "b"], "key": "value"}
{"keyId": 7, "publicKey": "none"}
partition_key=user-2024-11
cacheKey: v1
primary_key: id
foreign key constraint fails
the key insight is simple
press any key: y
sort key: created
public_key=ssh-ed25519
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl host
-----BEGIN PUBLIC KEY-----
authentication failed for user shop
authorization: required
Authorization header is missing
unauthorized: token is required
the credentials are stored in the vault
credential helper not found
the secret is out
secret santa at 18:00
secret "web-tls" not found
Error: secrets "regcred" is forbidden
the success rate is 98 percent
bypass=true
compass: north
class="token keyword"
mass=12kg
passive: true
pass: 12 fail: 0 skip: 3
PASS: TestLogin (0.02s)
--- FAIL: TestToken (0.00s)
tests/unit/test_token.py::test_expiry PASSED
tokenizer: gpt2-large
tokenized 1024 documents
the session id is unknown
session timeout: 30m
cookie: none
Cookies are disabled
Set-Cookie header is missing
<secretName>web</secretName>
<tokenCount>12</tokenCount>
<p>The password is stored safely.</p>
<input type="password" name="password">
| name | role |\n| password | secret word |
**Password** rules have changed
`password` is a required field
annotations are missing
node ip-10-0-0-1.ec2.internal is NotReady
2025-11-29T14:30:00Z INFO started in 1.204 s
10:15:30 up 12 days, load average: 0.10, 0.20, 0.30
mac 00:1a:2b:3c:4d:5e on eth0
std::vector<std::string> values
Foo::Bar::baz is undefined
cache hit ratio 0.98 (1234/1259)
p99=120ms p95=80ms
exit code 137 (OOMKilled)
Back-off restarting failed container
Liveness probe failed: HTTP probe failed with statuscode: 503
FailedMount: MountVolume.SetUp failed for volume "kube-api-access-x7b2p"
x509: certificate signed by unknown authority
tls: failed to verify certificate
error: You must be logged in to the server (Unauthorized)
no basic auth credentials
pull access denied for shop/cart
OCI runtime exec failed: exec failed: unable to start container process
java.lang.NullPointerException at com.example.Token.parse(Token.java:42)
Traceback (most recent call last):\n  File "app.py", line 7, in login\n    check(password)
def login(user, password): ...
if token == "": return
const token = getToken();
let secret = await vault.read(path)
os.environ["DB_PASSWORD"]
password = os.getenv("DB_PASSWORD")
args: ["--password", "$(PASSWORD)"]
SELECT id, password_hash FROM users WHERE id = 7
ALTER TABLE users ADD COLUMN token_id bigint
The quick brown fox jumps over the lazy dog
日本語のテキスト、パスワードは含まれない
Ошибка подключения к базе данных
Der Schlüssel passt nicht
👨‍👩‍👧 family emoji with joiners
naïve café, “quoted” words
\x1b[32mok\x1b[0m 12 passed
lorem ipsum dolor sit amet, consectetur adipiscing elit
{"status":"firing","labels":{"alertname":"HighLatency","severity":"critical"}}
kube_pod_container_status_restarts_total{pod="cart-7"} 3
rate(http_requests_total{code=~"5.."}[5m]) > 0.1
cpu: 500m, memory: 512Mi
resources:\n  limits:\n    memory: 256Mi
apiVersion: v1\nkind: Secret\nmetadata:\n  name: web
serviceAccountName: default
automountServiceAccountToken: false
tokenRequests:\n- audience: vault
--service-account-issuer=https://kubernetes.default.svc
etcdctl snapshot save backup.db
ticket OPS-1234 was closed by jane
call me at +1 555 0100
1,234,567.89 EUR
the price is $1$ or $5
see RFC 7519 for JSON web tokens
eyJ is how a token begins
AKIA is a prefix
on call: jane@example.com
from 10.0.0.1 to 192.168.1.7
node 172.16.0.4 is not ready
{"annotations": {"summary": "p99 is high"}}
{"generatorURL": "http://prometheus/graph?g0.expr=up"}
""".strip().splitlines()
)
"""One text per line of the table; `\\n` is a line break. The last five are redacted by decision."""
