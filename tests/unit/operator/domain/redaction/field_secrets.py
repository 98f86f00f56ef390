"""Secrets as they are found in messages, logs, manifests and shells: one form per line.

A line begins with the kind of its secret, which `@@` stands for: `pw` is a password of a person, `key` 32 letters and digits, `hex` 40
hexadecimal digits, `b64` 44 characters of base64, `url` 40 of its URL-safe form, `uuid`, or a vendor's format such as `ghp_<alnum:36>`.
"""

from typing import Final

DATABASES: Final = r"""
pw postgresql://app:@@@pg-main.db.svc.cluster.local:5432/orders?sslmode=require
pw could not connect to postgres://reporting:@@@10.4.1.9/reporting: timeout
pw PGPASSWORD=@@ psql -h db -U app
pw psql "host=db port=5432 user=app password=@@ dbname=shop sslmode=disable"
pw db-1.example.com:5432:*:app:@@
pw *:*:*:replication:@@
pw CREATE USER app WITH PASSWORD '@@';
pw ALTER ROLE app WITH LOGIN PASSWORD '@@' VALID UNTIL 'infinity';
pw CREATE USER 'app'@'%' IDENTIFIED BY '@@';
pw GRANT ALL ON shop.* TO 'app'@'%' IDENTIFIED BY "@@";
pw CREATE LOGIN app WITH PASSWORD = '@@', CHECK_POLICY = ON
pw SET PASSWORD FOR 'app'@'localhost' = PASSWORD('@@')
pw mysql -h db -uroot -p@@ -e 'show processlist'
pw mysqldump -u backup --password='@@' shop
pw [client]\nuser = app\npassword = @@\nhost = db
pw mysql+aiomysql://app:@@@db/shop
pw Server=tcp:sql-prod.database.windows.net,1433;Database=shop;User ID=app;Password=@@;Encrypt=True;
pw Data Source=sql01;Initial Catalog=shop;uid=sa;pwd=@@;MultipleActiveResultSets=True
pw jdbc:sqlserver://sql01:1433;databaseName=shop;user=sa;password=@@;encrypt=true
pw jdbc:mysql://db/shop?user=app&password=@@&useSSL=false
pw sqlcmd -S sql01 -U sa -P @@ -Q "select 1"
pw sqlplus system/@@@//db:1521/XEPDB1
pw mongodb://root:@@@mongo-0.mongo:27017,mongo-1.mongo:27017/admin?authSource=admin
pw mongosh --host mongo-0 -u root -p @@ --authenticationDatabase admin
pw db.createUser({user: "app", pwd: "@@", roles: ["readWrite"]})
pw redis://default:@@@redis-master:6379/2
pw requirepass @@
pw masterauth @@
pw redis-cli -h redis -a @@ --no-auth-warning ping
pw 127.0.0.1:6379> AUTH @@
pw cqlsh cassandra-0 -u cassandra -p @@
pw neo4j+s://neo4j:@@@graph.example.com:7687
pw clickhouse-client --host ch --user default --password @@
pw snowflake://etl:@@@ab12345.eu-central-1/shop
pw http://admin:@@@couchdb:5984/_all_dbs
pw curl -s -u elastic:@@ https://es:9200/_cluster/health
pw ELASTIC_PASSWORD=@@
url influx write --token @@ --bucket metrics
url INFLUX_TOKEN: @@
pw amqp://orders:@@@rabbitmq:5672/%2F
pw rabbitmqctl change_password orders @@
pw rabbitmqctl add_user orders @@
pw sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="app" password="@@";
pw sasl.password=@@
b64 confluent: api.secret=@@
pw mosquitto_pub -h mqtt -u sensor -P @@ -t x -m y
pw ldapsearch -x -D cn=admin,dc=example,dc=com -w @@ -b dc=example,dc=com
pw bindpw: @@
pw ldap_default_authtok = @@
pw rootpw @@
pw nats://events:@@@nats:4222
pw etcdctl --user root:@@ endpoint health
pw smbclient //files/share -U backup%@@
pw mount -t cifs //files/share /mnt -o username=backup,password=@@,vers=3.0
pw lftp -u backup,@@ ftp.example.com
pw cockroachdb://app:@@@crdb:26257/shop?sslmode=verify-full
"""

CLOUDS: Final = r"""
AKIA<upper:16> InvalidClientTokenId for access key @@
b64 [default]\naws_secret_access_key = @@
key aws configure set aws_secret_access_key @@
url export AWS_SESSION_TOKEN=@@
key {"AccessKeyId": "A", "SecretAccessKey": "@@", "Expiration": "2026-01-01T00:00:00Z"}
key secretAccessKey: @@
key s3:\n  accessKey: minio\n  secretKey: @@
key s3cmd --access_key=a --secret_key=@@ ls
key mc alias set prod https://minio.example.com backup @@
key MINIO_ROOT_PASSWORD=@@
hex https://bucket.s3.eu-central-1.amazonaws.com/dump.sql?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature=@@
hex "private_key_id": "@@",
AIza<url:35> Google Maps said REQUEST_DENIED for key @@
ya29.<url:120> gcloud: Bearer @@
GOCSPX-<url:28> client secret @@ was found in the repository
b64 AccountName=shopfiles;AccountKey=@@;EndpointSuffix=core.windows.net
b64 Endpoint=sb://events.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=@@
b64 HostName=hub.azure-devices.net;DeviceId=d1;SharedAccessKey=@@
hex SharedAccessSignature sr=hub.azure-devices.net&sig=@@&se=1767225600
url https://shopfiles.blob.core.windows.net/dumps/a.sql?sp=r&st=2026-01-01&sig=@@
<alnum:3>8Q~<url:34> ARM_CLIENT_SECRET=@@
<alnum:3>8Q~<url:34> az login --service-principal -u 0a1b -p @@ --tenant t
key AZURE_STORAGE_KEY=@@
key AZURE_DEVOPS_EXT_PAT=@@
uuid InstrumentationKey=@@;IngestionEndpoint=https://x
uuid SCW_SECRET_KEY=@@
key HCLOUD_TOKEN=@@
key hcloud context token: @@
dop_v1_<hex:64> doctl auth init --access-token @@
key CF_API_KEY=@@
hex X-Auth-Key: @@
url CLOUDFLARE_API_TOKEN: "@@"
key OVH_APPLICATION_SECRET=@@
key OVH_CONSUMER_KEY=@@
key ibmcloud login --apikey @@ -r eu-de
key aliyun configure set --access-key-secret @@
key ALIBABA_CLOUD_ACCESS_KEY_SECRET=@@
pw OS_PASSWORD=@@
pw openstack --os-password @@ server list
key LINODE_TOKEN=@@
key DIGITALOCEAN_ACCESS_TOKEN=@@
pw TF_VAR_db_password=@@ terraform apply
key pulumi config set --secret dbPassword @@
pul-<hex:40> PULUMI_ACCESS_TOKEN=@@
<alnum:14>.atlasv1.<url:67> credentials "app.terraform.io" { token = "@@" }
"""

VENDORS: Final = r"""
ghp_<alnum:36> remote: Invalid credentials for @@
github_pat_<alnum:22>_<alnum:59> pushed with @@ by mistake
ghs_<alnum:36> GITHUB_TOKEN: @@
glpat-<url:20> curl -H "PRIVATE-TOKEN: @@" https://gitlab.example.com/api/v4/projects
glcbt-64_<url:20> CI_JOB_TOKEN=@@
glrt-<url:20> runner token @@ was revoked
ATBB<alnum:32> bitbucket app password @@
ATATT3xFfGF0<url:180>=<hex:8> jira: @@
xoxb-<digits:12>-<digits:12>-<alnum:24> slack bot @@ is not in channel
xapp-1-A<upper:10>-<digits:13>-<hex:64> SLACK_APP_TOKEN=@@
key https://hooks.slack.com/services/T02AB3CDE/B04FG5HIJ/@@
key https://discord.com/api/webhooks/112233445566778899/@@
key https://example.webhook.office.com/webhookb2/@@/IncomingWebhook/a/b
hex PagerDuty routing_key: @@
hex {"routing_key": "@@", "event_action": "trigger"}
hex PD_SERVICE_KEY=@@
uuid Authorization: GenieKey @@
uuid OPSGENIE_API_KEY=@@
hex DD_API_KEY=@@
hex datadog:\n  apiKey: @@\n  site: datadoghq.eu
hex license_key: '@@'
hex NEW_RELIC_LICENSE_KEY=@@
hex https://@@@o12345.ingest.sentry.io/67890
sntrys_<base64:90> sentry-cli --auth-token @@ releases list
glsa_<alnum:32>_<hex:8> grafana service account @@
uuid Authorization: Splunk @@
key X-Honeycomb-Team: @@
hex TWILIO_AUTH_TOKEN=@@
hex twilio auth token: @@
SK<hex:32> twilio @@
SG.<url:22>.<url:43> SENDGRID_API_KEY=@@
key-<hex:32> mailgun said Forbidden for api:@@
<hex:32>-us14 mailchimp @@
sk_live_<alnum:24> stripe: Expired API Key provided: @@
rk_live_<alnum:24> stripe @@
whsec_<alnum:32> STRIPE_WEBHOOK_SECRET=@@
shpat_<hex:32> X-Shopify-Access-Token: @@
EAA<alnum:120> facebook graph @@
secret_<alnum:43> notion @@
ntn_<digits:11><alnum:35> notion integration @@
lin_api_<alnum:40> linear @@
1/<digits:16>:<hex:32> Asana PAT @@
hex https://api.trello.com/1/boards?key=0a1b&token=@@
00<url:40> Authorization: SSWS @@
00<url:40> OKTA_API_TOKEN=@@
url AUTH0_CLIENT_SECRET=@@
sl.<url:130> dropbox @@
hex X-Algolia-API-Key: @@
sk.eyJ1<alnum:60>.<alnum:22> mapbox @@
AAAA<alnum:7>:APA91b<url:134> fcm server key @@
<nine:10>:AA<url:33> telegram bot @@
sk-proj-<url:74>T3BlbkFJ<url:74> Incorrect API key provided: @@
sk-ant-api03-<url:93>AA anthropic @@
hf_<alnum:34> huggingface @@
r8_<alnum:37> replicate @@
gsk_<alnum:52> groq @@
dckr_pat_<url:27> docker login -u ci -p @@
uuid HEROKU_API_KEY=@@
nfp_<alnum:36> netlify @@
key VERCEL_TOKEN=@@
key vercel deploy --token @@
fo1_<url:43> fly @@
fm2_<base64:120> fly tokens: FlyV1 @@
uuid SNYK_TOKEN=@@
sqp_<hex:40> sonar-scanner -Dsonar.login=@@
hex sonar-scanner -Dsonar.token=@@
CCIPAT_<alnum:22>_<hex:40> circleci @@
11<hex:32> curl -u jenkins:@@ https://jenkins/job/x/build
bkua_<hex:40> buildkite @@
npm_<alnum:36> //registry.npmjs.org/:_authToken=@@
b64 //npm.example.com/:_password=@@
key npm config set //npm.example.com/:_authToken @@
pypi-AgEIcHlwaS5vcmc<url:140> [pypi]\nusername = __token__\npassword = @@
rubygems_<hex:48> gem push @@
oy2<alnum:43> nuget push x.nupkg -ApiKey @@
oy2<alnum:43> dotnet nuget push x.nupkg -k @@ -s nuget.org
dapi<hex:32> databricks @@
dp.st.prd.<alnum:40> DOPPLER_TOKEN=@@
ops_eyJ<base64:260> op: @@
key BW_CLIENTSECRET=@@
sdk-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12> launchdarkly @@
key SEGMENT_WRITE_KEY=@@
key analytics.load({writeKey: "@@"})
pat-na1-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12> hubspot @@
sq0csp-<url:43> square @@
AQE<base64:90> adyen x-api-key: @@
hvs.<url:91> vault: permission denied for @@
s.<alnum:24> vault login @@
uuid vault write auth/approle/login role_id=shop secret_id=@@
AGE-SECRET-KEY-1<bech32:58> sops: @@
tskey-auth-<alnum:17>-<alnum:32> tailscale up --authkey @@
v2.local.<url:80> paseto @@
PMAK-<hex:24>-<hex:34> postman @@
figd_<url:40> figma @@
sgp_<hex:40> sourcegraph @@
sbp_<hex:40> supabase @@
NRAK-<upper:27> new relic @@
pscale_pw_<url:43> planetscale @@
key zendesk: agent@example.com/token:@@
xkeysib-<hex:64>-<alnum:16> brevo @@
AKCp<alnum:69> jfrog rt ping --apikey @@
cmVmdGtuO<alnum:55> artifactory reference token @@
"""

SHELLS: Final = r"""
pw docker login registry.example.com -u ci --password @@
pw podman login -u ci -p @@ quay.io
pw echo @@ | docker login -u ci --password-stdin registry.example.com
pw echo '@@' | sudo -S systemctl restart app
pw helm registry login ghcr.io -u ci -p @@
pw skopeo copy --dest-creds ci:@@ docker://a docker://b
url oc login --token=@@ --server=https://api.example.com:6443
url kubectl config set-credentials ci --token=@@
pw kubectl config set-credentials ci --username=ci --password=@@
pw kubectl create secret docker-registry regcred --docker-username=ci --docker-password=@@
key kubectl create secret generic api --from-literal=key=@@
pw argocd login argocd.example.com --username admin --password @@
pw argocd account update-password --current-password old --new-password @@
pw vault kv put secret/shop db_user=app db_pass=@@
pw ansible_password=@@
pw ansible_become_pass: "@@"
pw ansible_ssh_pass=@@ ansible_user=ops
pw curl -u 'admin:@@' https://nexus.example.com/service/rest/v1/status
pw curl -X POST -d 'username=admin&password=@@' https://h/login
pw curl -X POST -d '{"username":"admin","password":"@@"}' https://h/login
url curl -H 'Authorization: Bearer @@' https://h
url curl -H "Authorization: Token token=@@" https://h
key curl https://h/v1/x?apikey=@@
pw wget --user=ci --password=@@ https://h/x.tar.gz
pw wget --http-user=ci --http-password=@@ https://h/x
pw http -a admin:@@ GET https://h/
pw git clone https://ci:@@@git.example.com/shop/cart.git
b64 git -c http.extraheader="AUTHORIZATION: basic @@" fetch
pw svn checkout --username ci --password @@ https://svn/x
pw sshpass -p '@@' ssh root@node-7
pw keytool -importkeystore -srcstorepass changeit -deststorepass @@
pw keytool -list -keystore a.jks -storepass @@
pw java -Djavax.net.ssl.keyStorePassword=@@ -jar app.jar
pw openssl pkcs12 -in a.p12 -passin pass:@@ -nodes
pw openssl enc -aes-256-cbc -k @@ -in a
pw gpg --batch --passphrase @@ -d a.gpg
pw ssh-keygen -t ed25519 -N '@@' -f key
pw zip -P @@ backup.zip a
pw 7z x -p@@ backup.7z
pw htpasswd -bc /etc/nginx/htpasswd admin @@
pw echo "root:@@" | chpasswd
pw net use \\\\files\\share @@ /user:EXAMPLE\\backup
pw net user deploy @@ /add
pw $env:DB_PASSWORD = "@@"
pw ConvertTo-SecureString "@@" -AsPlainText -Force
pw setenv DB_PASSWORD @@
key set -x API_TOKEN @@
pw set DB_PASSWORD=@@
pw docker run -e MYSQL_ROOT_PASSWORD=@@ -d mysql:8
pw docker run --env POSTGRES_PASSWORD=@@ postgres:16
key ENV API_TOKEN @@
key ARG NPM_TOKEN=@@
pw Environment="DB_PASSWORD=@@"
key TOKEN ?= @@
pw grafana-cli admin reset-admin-password @@
pw influx user password -n admin -p @@
pw restic: RESTIC_PASSWORD='@@'
key consul: -token=@@
uuid CONSUL_HTTP_TOKEN=@@
uuid consul acl token: SecretID: @@
"""

FILES: Final = r"""
pw database:\n  host: db\n  username: app\n  password: "@@"\n
pw database:\n  user: app\n  pass: @@\n
pw spring.datasource.password=@@
pw quarkus.datasource.password=@@
pw spring:\n  redis:\n    password: '@@'
pw [database]\nuser = "app"\npassword = "@@"
url [registry]\ntoken = "@@"
key api-token = '@@'
pw ; database\ndb_password=@@
pw <server><id>nexus</id><username>ci</username><password>@@</password></server>
pw <Resource name="jdbc/shop" username="app" password="@@" url="jdbc:x"/>
pw <entry key="db.password">@@</entry>
pw <add name="Shop" connectionString="Server=sql01;Database=shop;User Id=app;Password=@@;" />
pw signing.password=@@
pw storePassword '@@'
pw keyPassword = "@@"
pw server.ssl.key-store-password: @@
pw machine git.example.com login ci password @@
pw machine git.example.com\nlogin ci\npassword @@
b64 {"auths":{"registry.example.com":{"auth":"@@"}}}
pw {"auths":{"registry.example.com":{"username":"ci","password":"@@"}}}
b64 users:\n- name: ops\n  user:\n    client-certificate-data: LS0t\n    client-key-data: @@
url users:\n- name: ops\n  user:\n    token: @@
pw users:\n- name: ops\n  user:\n    username: ops\n    password: @@
url auth-provider:\n  config:\n    refresh-token: @@
b64 apiVersion: v1\nkind: Secret\ndata:\n  password: @@
b64 apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop\ntype: Opaque\ndata:\n  dsn: @@
pw kind: Secret\nstringData:\n  url: http://x\n  value: @@
b64 data:\n  .dockerconfigjson: @@
pw env:\n  - name: SMTP_PASSWORD\n    value: @@
pw env:\n  - name: POSTGRES_PASSWORD\n    value: "@@"
pw - DB_PASSWORD=@@
pw "Env": ["PATH=/usr/bin", "DB_PASSWORD=@@"]
key secrets:\n  jwt: @@\n
key jwt_secret: "@@"
key SECRET_KEY = '@@'
key app.secret-key: @@
key session_secret=@@
key cookie_secret = "@@"
key encryption-key: @@
b64 fernet_key = @@
key rails master key: @@
hex secret_key_base: @@
key webhook_secret: @@
key HMAC_KEY=@@
key hmac_secret: @@
pw smtp_auth_password: @@
pw auth_password: '@@'
pw basic_auth:\n  username: prom\n  password: @@
url bearer_token: @@
url authorization:\n  type: Bearer\n  credentials: @@
pw grafana:\n  adminPassword: @@
pw GF_SECURITY_ADMIN_PASSWORD=@@
pw stats auth admin:@@
b64 proxy_set_header Authorization "Basic @@";
pw proxy=http://proxyuser:@@@proxy.example.com:3128
pw https_proxy=http://svc:@@@proxy:8080
pw network={\n  ssid="office"\n  psk="@@"\n}
pw wpa_passphrase=@@
pw snmp-server community @@ RO
pw auth-user-pass: ops / @@
pw rpcpassword=@@
pw user.password: @@
pw credentials:\n  user: admin\n  pass: @@
pw "credential": {"username": "a", "password": "@@"}
pw login_password=@@
pw Config{User:app Password:@@ Host:db}
pw &{Host:db User:app Password:@@}
pw DataSource(url=jdbc:x, user=app, password=@@)
pw Config { user: "app", password: "@@" }
pw array('user' => 'app', 'password' => '@@')
pw {:user=>"app", :password=>"@@"}
pw {'user': 'app', 'password': '@@'}
pw level=error msg="login failed" user=app password=@@ attempt=3
pw time=10:00 level=debug msg="config" config="{\"password\":\"@@\"}"
pw {"level":"error","msg":"dial postgres://app:@@@db:5432/shop failed"}
pw login: {\"user\":\"app\",\"passwd\":\"@@\"}
pw body=user%3Dapp%26password%3D@@
pw <soap:Header><wsse:Password Type="x">@@</wsse:Password></soap:Header>
pw <input type="hidden" name="password" value="@@">
key <input type="hidden" name="csrf_token" value="@@">
key Cookie: JSESSIONID=@@; lang=de
key Cookie: PHPSESSID=@@
key Set-Cookie: connect.sid=s%3A@@; Path=/; HttpOnly
key JSESSIONID=@@
key sessionid=@@
key session_token: @@
key "sessionToken":"@@"
key X-CSRF-Token: @@
key x-amz-security-token=@@
key sig=@@
key Proxy-Authorization: Basic @@
key SetEnv API_SECRET @@
key define('AUTH_KEY', '@@');
pw define('DB_PASSWORD', '@@');
pw $config['password'] = '@@';
pw const password = "@@";
pw String password = "@@";
pw password := "@@"
pw os.environ["DB_PASSWORD"] = "@@"
pw conn = connect(user="app", password="@@")
pw login("admin", password='@@')
pw auth=("admin", "@@")
pw requests.get(url, auth=("admin", "@@"))
key client = Client(api_key="@@")
key openai.api_key = "@@"
key token = "@@"
"""

PROSE: Final = r"""
pw the new password for grafana is @@
pw The password is: @@
pw Password for user admin changed to @@
pw initial admin password: @@
pw temporary password: @@ (change it at the first login)
pw Temporary password is "@@"
pw pw: @@
pw pw @@ works again
pw PW = @@
pw user admin, pw @@
pw user/pass: admin/@@
pw login with admin / @@
pw log in as admin with password @@
pw admin password @@ did not work
pw credentials: admin:@@
pw creds: admin / @@
pw creds are ops:@@
pw Login: ops\nPassword: @@
pw Username: ops, Password: @@
pw Password - @@
pw Password → @@
pw password (staging): @@
pw pass: @@
pw passcode: @@
pw my pass is @@
pw passphrase "@@" no longer opens the key
pw SSH passphrase is @@
key the API key is @@
key API key @@ leaked
key api key: @@
key API-Key = @@
key use token @@ for the API
key token @@ was refused
key access token @@ expired
key Bearer token is @@
key secret @@ found in the log
key client secret: @@
key my secret key is @@
key secret key = @@
key access key: @@
key license key: @@
key Please rotate the key @@ of the gateway
key recovery code: @@
key deploy key @@
key webhook secret @@
pw WLAN password: @@
pw wifi pass @@
pw sudo password for ops: @@
pw Passwort: @@
pw Das Passwort lautet @@
pw Das neue Passwort ist @@
pw Kennwort: @@
pw Benutzer: ops, Kennwort: @@
pw passwort=@@
pw Zugangsdaten: ops / @@
pw Geheimnis: @@
pw mot de passe : @@
pw Le mot de passe est @@
pw mdp: @@
pw mdp=@@
pw contraseña: @@
pw La contraseña es @@
pw contrasena=@@
pw clave: @@
pw senha: @@
pw A senha é @@
pw palavra-passe: @@
pw wachtwoord: @@
pw Het wachtwoord is @@
pw hasło: @@
pw haslo=@@
pw пароль: @@
pw Пароль @@ не подходит
pw parola: @@
pw parola d'ordine: @@
pw lösenord: @@
pw adgangskode: @@
pw passord: @@
pw salasana: @@
pw heslo: @@
pw jelszó: @@
pw şifre: @@
pw 密码: @@
pw 密码\uff1a@@
pw 口令\uff1a@@
pw パスワード: @@
pw パスワードは @@ です
pw 비밀번호: @@
pw 密碼是 @@
"""
