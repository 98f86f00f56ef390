"""Texts without a secret, as people on call write and read them: one per line, with gaps for random values such as `<hex:40>`."""

from typing import Final

OPERATIONS: Final = r"""
Rolled out ghcr.io/acme/cart@sha256:<hex:64> to prod-eu
ImagePullBackOff: Back-off pulling image "registry.example.com/shop/cart:2.41.0-rc.3"
docker.io/library/postgres:16.4-alpine3.20@sha256:<hex:64>
image id sha256:<hex:64> is not present on node worker-7
trace_id=<hex:32> span_id=<hex:16> parent=<hex:16>
traceparent: 00-<hex:32>-<hex:16>-01
X-Request-Id: <hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>
X-B3-TraceId: <hex:32>
request <hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12> took 31 s
commit <hex:40> (HEAD -> main, origin/main)
Revert "Merge branch 'fix' of <hex:7>"
git bisect: <hex:40> is the first bad commit
deployed main@<hex:8> by argocd
argocd app sync shop --revision <hex:40>
Pod cart-6f9c7d8b5-x2v9q in CrashLoopBackOff, restarted 14 times
pod/payments-worker-7d4b9c6f5d-kk8zl evicted: The node was low on resource: memory
job cart-migrate-28912340-9x7zw failed: BackoffLimitExceeded
replicaset.apps/token-service-5c7d9f8b6d scaled to 3
deployment secret-sync-controller is not available
service/password-reset has no endpoints
statefulset vault-0, vault-1 and vault-2 are sealed
namespace secrets-store-csi is terminating
secret/web-tls created
secrets "cart-db" already exists
Secret cart-db-credentials was not found in namespace shop
failed to sync secret cache: timed out waiting for the condition
MountVolume.SetUp failed for volume "token" : failed to fetch token: serviceaccounts "default" not found
secret: mounted at /etc/secrets/db
token: mounted at /var/run/secrets/kubernetes.io/serviceaccount/token
token: /var/run/secrets/kubernetes.io/serviceaccount/token
password: /run/secrets/db-password
credentials: /root/.aws/credentials
key: /etc/ssl/private/server.key
token: expired
token: expired 3 minutes ago
token: expires in 5 minutes
token: rejected by the issuer
token: malformed
token: refreshed at 10:04
token: renewed
token: revoked by admin
token: rotated yesterday
token: none
token: n/a
token: ok
token: valid until 2026-03-01
password: was refused
password: expired
password: changed by the user
password: incorrect
password: too short
password: empty
password: unchanged
password: required
password: see the vault
password: stored in Vault under secret/shop/db
password: in 1Password, item "grafana"
password: ask the platform team
password: reset at 09:40
secret: rotated
secret: missing in namespace shop
secret: not found
secret: deleted
secret: created by external-secrets
secret: managed by sealed-secrets
secret: web-tls
secret: shop/cart-db
api key: missing
api_key: not set
apiKey: required
Authorization: missing
authorization: denied by policy
authorization: RBAC, Node
authorization: disabled
credentials: not found in keychain
credential: expired
the password for user "shop" was refused
the password was wrong three times
password authentication failed for user "shop"
FATAL: password authentication failed for user "app"
the token has expired
the access token is no longer valid
Access token validation failure. Invalid audience.
token signature is invalid: crypto/rsa: verification error
token used before issued
invalid_grant: Token has been expired or revoked.
{"error":"invalid_token","error_description":"The access token expired"}
{"error":"invalid_client","message":"client secret is expired"}
{"code":401,"message":"API key not valid. Please pass a valid API key."}
Secret token is not configured
no API key found in request
the API key of the gateway was rotated this morning
Please rotate the password of the shop database
rotate the secret after the incident
password rotation failed for 3 of 12 accounts
secret scanning found nothing
Password policy: at least 12 characters
token bucket refilled with 250 tokens
rate limit: 100 tokens per second
prompt tokens: 1520, completion tokens: 311, total tokens: 1831
usage: input_tokens=1520 output_tokens=311
cost 0.42 USD for 120k tokens
kube-apiserver: Unable to authenticate the request: [invalid bearer token, token lookup failed]
Unable to authenticate the request due to an error: invalid bearer token
bearer token authentication is enabled
system:serviceaccount:shop:default cannot get resource "secrets" in API group ""
User "system:serviceaccount:shop:cart" cannot list resource "pods"
certificate expires in 6 days: CN=api.example.com
SHA256 Fingerprint=<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>
SHA256:<base64:43> ops@bastion (ED25519)
ssh host key fingerprint is SHA256:<base64:43>.
serial number: 04:9a:<hex:2>:<hex:2>:3c:7f:11
X509v3 Subject Key Identifier: <hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>
x509: certificate has expired or is not yet valid: current time 2026-11-25T10:00:00Z is after 2026-11-24T23:59:59Z
kid=<hex:16> not found in JWKS
signing key <hex:8> was rotated
etag "<hex:32>"
checksum/config: <hex:64>
checksum mismatch: want <hex:64>, got <hex:64>
h1:<base64:43>= go.sum differs
integrity sha512-<base64:86>==
md5: <hex:32>  backup.tar.gz
resourceVersion: "48120394"
uid: <hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>
controller-revision-hash=cart-<hex:10>
pod-template-hash: 6f9c7d8b5
containerID: containerd://<hex:64>
cgroup: /kubepods/burstable/pod<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>/<hex:64>
volume pvc-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12> is 94 % full
lease holder cart-operator-<hex:10>-x7k2p_<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>
vpc-<hex:17> subnet-<hex:17> sg-<hex:17>
i-<hex:17> failed its status checks
arn:aws:iam::123456789012:role/shop-cart
arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/db-AbCdEf
projects/shop-prod/secrets/db-password/versions/3
https://vault.example.com/ui/vault/secrets/kv/show/shop/db
https://shop-kv.vault.azure.net/secrets/db-password
op://platform/grafana/password
vault:secret/data/shop#password
awssm://shop/db
ref+vault://secret/shop#/password
/subscriptions/<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>/resourceGroups/shop/providers/Microsoft.KeyVault
eyJhIjoxfQ== is {"a":1}
eyJzdGF0dXMiOiJvayIsImNvdW50Ijo0Mn0=
payload: eyJldmVudCI6InB1c2giLCJyZWYiOiJtYWluIn0=
base64 of it: eyJuYW1lIjoiY2FydCIsInJlcGxpY2FzIjozfQ==
data:text/plain;base64,SGVsbG8sIFdvcmxkIQ==
PodIP fd00:10:244::7 was released
mac 02:42:ac:11:00:02 on eth0
etcd member <hex:16> is unreachable
raft term 41, index 9914823
offset 1894432 of topic orders, partition 7
correlation id <hex:32>
session <hex:8> closed by peer
build #8121 of shop/cart failed in stage "test"
incident INC-20418, see https://status.example.com/incidents/7x2k9q
https://grafana.example.com/d/k8s-<alnum:9>/cart?orgId=1&var-pod=cart-6f9c7d8b5-x2v9q
https://grafana.example.com/explore?left=%7B%22datasource%22%3A%22loki%22%7D
https://kibana.example.com/app/discover#/doc/logs/<alnum:20>
https://console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups
https://sentry.io/organizations/acme/issues/4412345678/?project=12
https://app.datadoghq.eu/logs?query=service%3Acart&from_ts=1732500000000
https://github.com/acme/cart/commit/<hex:40>
https://gitlab.example.com/shop/cart/-/jobs/1234567
https://teams.microsoft.com/l/channel/19%3aabc%40thread.tacv2/General
https://acme.slack.com/archives/C02AB3CDE/p1732512345678900
https://acme.pagerduty.com/incidents/Q1A2B3C4D5E6F7
https://runbooks.example.com/token-expired?alert=TokenExpired&severity=page
https://example.atlassian.net/browse/OPS-1234?focusedId=10234
https://prometheus.example.com/graph?g0.expr=sum(rate(http_requests_total%5B5m%5D))&g0.tab=0
"""

CODE: Final = r"""
	at com.acme.auth.TokenFilter.doFilter(TokenFilter.java:88)
	at org.springframework.security.web.authentication.password.PasswordEncoder.encode(PasswordEncoder.java:41)
Caused by: java.sql.SQLException: Access denied for user 'app'@'10-0-3-7.cart' (using password: YES)
Access denied for user 'root'@'localhost' (using password: NO)
  File "/app/shop/auth/token.py", line 31, in verify_token
    raise TokenError("token: signature does not match")
KeyError: 'password'
KeyError: 'API_TOKEN'
panic: runtime error: invalid memory address [signal SIGSEGV code=0x1 addr=0x0 pc=0x6e1b2c]
goroutine 4121 [running]: main.(*TokenCache).Get(0xc000123456, {0xc0004a2d80, 0x24})
thread 'main' panicked at 'called `Option::unwrap()` on a `None` value', src/token.rs:41:23
TypeError: Cannot read properties of undefined (reading 'token')
at Object.<anonymous> (/app/node_modules/jsonwebtoken/verify.js:171:17)
#5 0x00007f3a2c1b4d90 in PyEval_EvalFrameDefault ()
SELECT id, email, password_hash FROM users WHERE token_id = $1 AND created_at > now() - interval '7 days'
UPDATE sessions SET token = NULL WHERE expires_at < now()
UPDATE users SET password = $2 WHERE id = $1
INSERT INTO api_keys (id, owner) VALUES ($1, $2)
DELETE FROM tokens WHERE id = 42
duplicate key value violates unique constraint "users_email_key"
ERROR: column "password" does not exist at character 8
ERROR: deadlock detected, Process 4121 waits for ShareLock on transaction 99182
CREATE TABLE secrets (id bigint primary key, name text not null)
ALTER TABLE tokens ADD COLUMN last_used_at timestamptz
Key (token_id)=(4121) is not present in table "tokens".
foreign_key: token_id
io.jsonwebtoken:jjwt-api:0.12.6
org.springframework.security:spring-security-crypto:6.3.4
com.acme:secret-client:2.1.0
implementation("com.acme:token-service:1.14.2")
secret: com.acme:vault-starter:3.0.1
token: github.com/golang-jwt/jwt/v5 v5.2.1
github.com/hashicorp/vault/api v1.15.0
pkg:maven/com.acme/token-service@1.14.2
pkg:npm/%40acme/token@2.0.1
npm ERR! 404 '@acme/secret-utils@^2.1.0' is not in this registry.
npm warn deprecated har-validator@5.1.5: this library is no longer supported
@types/node@20.11.5 and react@18.3.1 were updated
pip install cryptography==43.0.1 keyring==25.4.1
uses: actions/checkout@v4.2.2
uses: actions/create-github-app-token@v1
uses: docker/login-action@<hex:40>
helm.sh/chart: external-secrets-0.10.4
app.kubernetes.io/version: "v1.30.4+k3s1"
user-agent: kubectl/v1.30.2 (linux/amd64) kubernetes/3968350
secret-store@0.10.4.tgz
config@2026-11-25.yaml was written
backup@prod.sql.gz is 4 GB
notes@host.md
main@feature.diff
core@worker-7.dump
systemd: docker@shop.service: Failed with result 'exit-code'
openvpn-client@office.service loaded
postgresql@16-main.service: Scheduled restart job
root@worker-7:~# journalctl -u kubelet
ops@bastion:/etc$ ls
jane@laptop ~ % kubectl get pods
scp backup.tar.gz ops@bastion:/srv/backup
git clone git@github.com:acme/cart.git
ssh://git@git.example.com:7999/shop/cart.git
rsync -a ops@nas.internal:/srv/ /mnt/
2026-11-25T10:00:00.123456Z stderr F token refresh started
[2026-11-25 10:00:00,123] WARN token cache miss ratio 0.41
I1125 10:00:00.123456       1 token_manager.go:121] "Rotating token"
E1125 10:00:00.123456       1 authentication.go:73] "Unable to authenticate the request" err="invalid bearer token"
ts=2026-11-25T10:00:00Z caller=token.go:41 level=warn msg="token expired" component=auth
level=info msg="secret synced" secret=shop/cart-db duration=120ms
level=info msg="loaded" password=false token=true
level=warn auth=none tls=false
password=null
password=undefined
password=<redacted>
password=[hidden]
password: (unchanged)
password: '***'
password: xxxx
password: ******** (8 characters)
token=<none>
token=...
DB_PASSWORD=${DB_PASSWORD:-}
DB_PASSWORD=$(cat /run/secrets/db)
export TOKEN=$(vault print token)
export API_KEY="$API_KEY"
DB_PASSWORD_FILE=/run/secrets/db
PASSWORD_MIN_LENGTH=12
SECRET_KEY_REF=shop/cart-db
TOKEN_LIFETIME=3600
JWT_ALGORITHM=RS256
AUTH_TOKEN_HEADER=X-Auth-Token
API_KEY_HEADER=X-Api-Key
PASSWORD_HASHER=argon2id
SECRETS_BACKEND=vault
TOKEN_AUDIENCE=https://api.example.com
passwordSecretRef:\n  name: cart-db\n  key: password
existingSecret: cart-db
existingSecretPasswordKey: postgres-password
secretKeyRef: {name: cart-db, key: password}
envFrom:\n- secretRef:\n    name: cart-db
- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: cart-db\n      key: password
- name: TOKEN_URL\n  value: https://auth.example.com/oauth/token
- name: PASSWORD_POLICY\n  value: strict
volumes:\n- name: token\n  projected:\n    sources:\n    - serviceAccountToken:\n        path: token
tls:\n- secretName: web-tls
imagePullSecrets:\n- name: registry-credentials-2024a
annotations missing on service cart
serviceAccountToken:\n  expirationSeconds: 3607
spec.template.spec.containers[0].env[3].valueFrom.secretKeyRef.key: Required value
tokenReview: authenticated=false
automountServiceAccountToken=false
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
remoteRef:\n  key: shop/db\n  property: password
if password == other.password:
password = getpass.getpass()
password = config.get("password")
token = request.headers["Authorization"]
const token = process.env.API_TOKEN;
token = await refresh(session)
apiKey: process.env.API_KEY
password: String,
def check(password: str, token: Optional[str] = None) -> bool:
func Login(user string, password string) (token string, err error)
public Token(String secret, Duration ttl)
var token *jwt.Token
password: Yup.string().min(8).required()
@NotBlank String password;
private final TokenService tokenService;
<input name="password" type="password" autocomplete="current-password">
<label for="password">Password</label>
<secret name="web-tls"/>
{"type":"object","properties":{"password":{"type":"string","minLength":12}}}
{"secretName":"web-tls","hosts":["shop.example.com"]}
{"token_type":"bearer","expires_in":3599,"scope":"read"}
{"keys":[{"kty":"RSA","kid":"<hex:16>","use":"sig","alg":"RS256"}]}
{"password":{"length":12,"rotated":true}}
{"password": false, "token": true}
{"tokenId": 4121, "secretVersion": "v3"}
{"passwordExpired": true}
cacheKey: cart:4711:v2
cache_key=product-4711-en
partitionKey: order#2026-11-25#000123
sort_key=2026-11-25T10:00:00Z
routing key orders.created.v2 has no queue
routing_key=orders.created
key=orders/2026/11/25/part-00017.parquet
object key dumps/2026-11-25/shop.sql.gz not found
api_key_id=42
--set auth.existingSecret=cart-db --set replicas=3
--token-ttl 30m --token-file /run/token
--password-stdin < /run/secrets/registry
kubectl create token cart --duration 10m
kubectl get secret cart-db -o jsonpath='{.data.password}'
kubectl -n shop describe secret cart-db
kubectl delete secret regcred
vault kv get secret/shop/db
vault token lookup
aws secretsmanager get-secret-value --secret-id shop/db
gh auth token | docker login ghcr.io -u ci --password-stdin
docker login -u ci registry.example.com
ssh -i ~/.ssh/id_ed25519 ops@worker-7
mysql -h db -u app -p
psql -U postgres -h db shop
curl -u ops https://nexus.example.com/
openssl x509 -in tls.crt -noout -fingerprint -sha256
"""

PEOPLE: Final = r"""
The token of the ingress controller expired, renewing it by hand
Who has the password of the jump host?
I have put the password into the vault
we changed the password yesterday, please log in again
The secret is mounted read-only
the secret was synced 4 minutes ago
login fails since the password was changed
sign in, then choose "Forgot password?"
Password reset requested by jane
password must contain 12 characters
Passwort falsch
Das Passwort ist abgelaufen
Passwort wurde abgelehnt
Passwort: abgelaufen
Kennwort: wurde geändert
Anmeldung fehlgeschlagen: falsches Kennwort
Der Token ist seit 10:00 abgelaufen
Mot de passe incorrect
le mot de passe a expiré
mot de passe : refusé
contraseña incorrecta
La contraseña ha caducado
contraseña: caducada
senha incorreta
wachtwoord onjuist
hasło wygasło
Пароль истёк, обновите
неверный пароль
パスワードが間違っています
密码错误
비밀번호가 만료되었습니다
the clave of this chord
clave: G
pin: 4 of connector J2
pass: the baton
passes: 12, fails: 0
key point: restart order matters
key takeaway: the cache was cold
key: value
key: Value
a turnkey solution
monkey: see, donkey: do
token ring, token economy, design tokens
token: design/color/primary
secret sauce: more caching
open secret: it was DNS
auth: ok
auth: denied
auth: basic
auth: oidc via keycloak
login: failed for user jane
credentials: rejected
credentials: expired on 2026-11-24
credential: helper-selector
credentials: provided by IRSA
Authorization: the header is stripped by the proxy
Cookie: consent banner is broken
cookies: disabled
session: expired
session id unknown
session=closed
2 of 3 shards healthy; 10:00-10:30 read-only
p99 4.2 s, error rate 3.1 %, saturation 0.92
Latency of cart-7 went from 120ms to 4.2s
disk /dev/nvme0n1p1 95 % full
OOMKilled: limit 512Mi, working set 511Mi
5xx at 3.4 % since 10:00Z, mostly 503 upstream connect error
build 2026.11.25-4121 is live
versions: cart 2.41.0, payments 1.9.3-hotfix.1
v1.30.4+rke2r1 on all nodes
Ubuntu 22.04.5 LTS, kernel 5.15.0-122-generic
driver 535.183.01, CUDA 12.2
10.0.19045.4894 is the OS build
firmware 7.10.30.00 on the BMC
upgrade from 8.15.2 to 8.15.3
Chart cart-2.41.0+build.5
release 4.18.0-553.el8_10.x86_64
call +49 30 1234567 or open a ticket
phone bridge: 555 0100, pin on the wiki
on Thursday, 26 Nov 2026 10:00 CET
cron 0 */4 * * * UTC
cost centre 4711-0815
invoice RE-2026-004711
IBAN in the ticket is wrong
ticket CHG0034121 approved
ERR_CONNECTION_REFUSED at app.js:1:48213
HTTP/1.1 401 Unauthorized
www-authenticate: Bearer realm="registry",service="registry.example.com",scope="repository:shop/cart:pull"
403 Forbidden: missing scope "secrets:read"
error code: 1020
exit status 137
signal: killed
SIGTERM, then SIGKILL after 30 s
net::ERR_CERT_DATE_INVALID
dial tcp [::1]:6443: connect: connection refused
read udp 127.0.0.1:41233->127.0.0.53:53: i/o timeout
lookup cart.shop.svc.cluster.local: no such host
ip-10-0-3-7.eu-central-1.compute.internal became NotReady
host worker-7.prod.example.com is down
queue depth 12,482 and growing
lag 3m12s on consumer group cart-indexer
runbook: https://runbooks.example.com/cart/token-expired.md
see wiki/Secrets-Rotation#step-3
#incident-4121 in Slack
@here please check the secret store
@oncall-platform ack
cc @jane.doe and @ops
email to on-call was sent
:rotating_light: password spray on vpn-gw-2 :rotating_light:
**Token** expired in `auth-service`, see *Runbook*
| secret | age |\n|---|---|\n| cart-db | 41d |
| token | expired |\n| password | unchanged |
- [ ] rotate token\n- [x] check secret
> password: wrong\nquoted from the log
"""

NODES: Final = r"""
node 10.0.3.7 is NotReady
10.244.3.17 -> 10.96.0.1:443 connection refused
dial tcp 10.4.1.9:5432: i/o timeout
pod cart-7 (172.17.4.12) on 192.168.178.20
no route to host 172.20.0.10
upstream 10.1.2.3:8080 returned 502
Readiness probe failed: Get "http://10.244.1.9:8080/ready": context deadline exceeded
CIDR 10.0.0.0/16 overlaps with 10.0.128.0/17
endpoint 100.64.3.9:9443 not reachable
kubelet at 192.168.1.7:10250 refused
169.254.169.254 answers 401
node fd00:10:0:3::7 is NotReady
fe80::42:acff:fe11:2%eth0 is a duplicate
10.0.3.7 - - [25/Nov/2026:10:00:00 +0000] "GET /healthz HTTP/1.1" 200 2
gateway 172.31.255.254 does not answer
"""
"""Addresses of nodes and pods: they stay where only public addresses are redacted."""
