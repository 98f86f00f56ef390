"""Rules for tokens that a vendor made recognizable: a prefix and a body of known length. One row per vendor."""

from __future__ import annotations

import re
from typing import Final

from notification_domain.redaction.rule import Hints, Rule, rule, sample

_HEX = "0a1b2c3d4e5f6789"
_UPPER = "A1B2C3D4"
PREFIXES: Final[dict[str, tuple[str, ...]]] = {}
"""The prefixes of a vendor's tokens, by the name of the rule."""


def _token(name: str, prefixes: str, body: str, length: int, alphabet: str = "a1B2c3D4") -> Rule:
    """Return the rule for a vendor's prefixes, at a word start; `length` and `alphabet` describe an example."""
    words = prefixes.split()
    beginnings = "|".join(f"{re.escape(word)}(?<![A-Za-z0-9]{re.escape(word)})" for word in words)
    hints = " ".join(word.lower() for word in words)
    example = words[0] + sample(length, alphabet)
    PREFIXES[name] = tuple(words)
    return rule(
        name,
        hints,
        rf"(?:{beginnings}){body}(?![A-Za-z0-9])",
        example=example,
        counter_example=words[0] + "x",
    )


PREFIXED: Final[tuple[Rule, ...]] = (
    _token("adobe_token", "p8e-", r"[A-Za-z0-9]{32,}+", 32),
    _token("age_key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{50,}+", 58, _UPPER),
    _token("aws_bedrock_key", "ABSK bedrock-api-key-", r"[A-Za-z0-9+/]{60,}+=*+", 109),
    _token("aws_key_id", "AKIA ASIA ABIA ACCA A3T", r"[A-Z0-9]{16,17}+", 16, _UPPER),
    _token("airtable_token", "pat", r"[A-Za-z0-9]{14}\.[a-f0-9]{64}", 79, "aB3dE5gH7jK9mN." + _HEX * 4),
    _token("alibaba_key_id", "LTA", r"I[A-Za-z0-9]{12,24}+", 21, "I5tA1b2C3d4E5f6G7h8J9"),
    _token("apify_token", "apify_api_", r"[A-Za-z0-9]{30,}+", 36),
    _token("artifactory_token", "AKCp cmVmd", r"[A-Za-z0-9]{56,}+", 69),
    _token("atlassian_token", "ATATT ATCTT ATBB", r"[\w=-]{28,}+", 180),
    _token("buildkite_token", "bkua_ bkct_", r"[A-Za-z0-9]{32,}+", 40, _HEX),
    _token("circleci_token", "CCIPAT_ CCIPRJ_", r"\w{30,}+", 60),
    _token("clojars_token", "CLOJARS_", r"[A-Za-z0-9]{50,}+", 60),
    _token("cloudflare_token", "cfut_ cfat_ cfk_ v1.0-", r"[\w-]{40,}+", 171, _HEX),
    _token("contentful_token", "CFPAT-", r"[\w-]{40,}+", 43),
    _token("databricks_token", "dapi", r"[a-f0-9]{32}(?:-\d)?", 32, _HEX),
    _token("datadog_token", "ddapp_ ddpat_", r"[A-Za-z0-9]{30,}+", 34),
    _token("dbt_token", "dbtc_ dbtu_", r"[\w-]{30,}+", 40),
    _token("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", r"[a-f0-9]{64}", 64, _HEX),
    _token("docker_token", "dckr_pat_ dckr_oat_", r"[\w-]{20,}+", 27),
    _token("doppler_token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.-]{40,}+", 43),
    _token("dropbox_token", "sl.", r"[\w-]{100,}+", 130),
    _token("duffel_token", "duffel_live_ duffel_test_", r"[\w=-]{40,}+", 43),
    _token("dynatrace_token", "dt0c01. dt0s01. dt0s02. dt0s08. dt0e01.", r"[A-Z0-9.]{24,}+", 89, _UPPER),
    _token("easypost_token", "EZAK EZTK", r"[A-Za-z0-9]{50,}+", 54),
    _token("facebook_token", "EAA", r"[A-Za-z0-9][\w-]{56,}+", 120, "M1b2C3d4"),
    _token("figma_token", "figd_ figu_", r"[\w-]{38,}+", 40),
    _token("flutterwave_key", "FLWSECK_TEST- FLWSECK-", r"[\w-]{12,}+", 32),
    _token("fly_token", "fo1_ fm1a_ fm1r_ fm2_", r"[\w+/=-]{40,}+", 43),
    _token("frameio_token", "fio-u-", r"[\w=-]{60,}+", 64),
    _token("github_fine_grained_token", "github_pat_", r"\w{22,}+", 82),
    _token(
        "gitlab_token",
        "glpat- glptt- gldt- glrt- glrtr- glcbt- glft- glimt- glagent- gloas- glsoat- glffct- glwt- GR1348941",
        r"[\w.-]{19,}+",
        20,
    ),
    _token("google_api_key", "AIza", r"[\w-]{33,}+", 35),
    _token("google_oauth", "GOCSPX- ya29. 1//0", r"[\w-]{20,}+", 28),
    _token("grafana_token", "glc_ glsa_ eyJrIjoi", r"[\w+/=]{32,}+", 41),
    _token("groq_key", "gsk_", r"[A-Za-z0-9]{40,}+", 52),
    _token(
        "harness_token",
        "pat. sat.",
        r"[\w-]{22}\.[\w-]{24}\.[\w-]{20}",
        68,
        ("a1" * 11 + "." + "b2" * 12 + "." + "c3" * 10),
    ),
    _token("heroku_key", "HRKU-", r"[\w-]{36,}+", 60),
    _token("honeycomb_key", "hcaik_ hcxik_ hcbik_ hcamk_", r"[A-Za-z0-9]{30,}+", 58),
    _token(
        "hubspot_token",
        "pat-na1- pat-na2- pat-na3- pat-eu1- pat-ap1-",
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        36,
        "0a1b2c3d-4e5f-6789-0a1b-2c3d4e5f6789",
    ),
    _token("huggingface_token", "hf_ api_org_", r"[A-Za-z0-9]{30,}+", 34),
    _token("infracost_key", "ico-", r"[A-Za-z0-9]{32}", 32),
    _token("langsmith_key", "lsv2_pt_ lsv2_sk_", r"[\w]{40,}+", 43, _HEX),
    _token(
        "launchdarkly_key",
        "sdk- api- mob-",
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        36,
        "0a1b2c3d-4e5f-6789-0a1b-2c3d4e5f6789",
    ),
    _token("linear_key", "lin_api_ lin_oauth_", r"[A-Za-z0-9]{32,}+", 40),
    _token("mailgun_key", "key- pubkey-", r"[0-9a-f]{32}", 32, _HEX),
    _token("mapbox_token", "sk.ey pk.ey", r"[\w.-]{40,}+", 86),
    _token("matrix_token", "syt_", r"[\w]{30,}+", 40),
    _token("neon_key", "napi_ npg_", r"[A-Za-z0-9]{10,}+", 64),
    _token("netlify_token", "nfp_ nfc_ nfo_", r"[A-Za-z0-9]{36,}+", 36),
    _token("new_relic_key", "NRAK- NRAA- NRAL- NRII- NRJS- NRRA-", r"[A-Za-z0-9-]{19,}+", 27, _UPPER),
    _token("notion_token", "ntn_ secret_", r"[A-Za-z0-9]{40,}+", 46),
    _token("npm_token", "npm_", r"[A-Za-z0-9]{30,}+", 36),
    _token("nuget_key", "oy2", r"[a-z0-9]{43}", 43, _HEX),
    _token("nvidia_key", "nvapi-", r"[\w-]{40,}+", 64),
    _token("octopus_key", "API-", r"[A-Z0-9]{25,}+", 26, _UPPER),
    _token("onepassword_token", "ops_eyJ A3-", r"[\w+/=-]{30,}+", 250),
    _token("openshift_token", "sha256~", r"[\w-]{40,}+", 43),
    _token("paseto", "v1.local. v2.local. v3.local. v4.local.", r"[\w-]{40,}+(?:\.[\w-]++)?", 80),
    _token("perplexity_key", "pplx-", r"[A-Za-z0-9]{40,}+", 48),
    _token("pinecone_key", "pcsk_", r"[\w]{40,}+", 70),
    _token(
        "plaid_token",
        "access-sandbox- access-production- access-development-",
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        36,
        "0a1b2c3d-4e5f-6789-0a1b-2c3d4e5f6789",
    ),
    _token("posthog_key", "phx_ phs_", r"[A-Za-z0-9]{32,}+", 43),
    _token("planetscale_token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.=-]{30,}+", 43),
    _token("postman_key", "PMAK-", r"[a-f0-9-]{40,}+", 59, _HEX),
    _token("prefect_key", "pnu_", r"[A-Za-z0-9]{36,}+", 36),
    _token("pulumi_token", "pul-", r"[a-f0-9]{40}", 40, _HEX),
    _token("pypi_token", "pypi-", r"[\w-]{50,}+", 160),
    _token("razorpay_key", "rzp_live_ rzp_test_", r"[A-Za-z0-9]{14,}+", 14),
    _token("readme_key", "rdme_", r"[a-z0-9]{60,}+", 70, _HEX),
    _token("render_key", "rnd_", r"[A-Za-z0-9]{28,}+", 28),
    _token("replicate_token", "r8_", r"[A-Za-z0-9]{37,}+", 37),
    _token(
        "resend_key", "re_", r"[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}+", 33, "a1B2c3D4_a1B2c3D4e5F6g7H8i9J0k1L2m"
    ),
    _token("rubygems_key", "rubygems_", r"[a-f0-9]{48}", 48, _HEX),
    _token(
        "sendgrid_key", "SG.", r"[\w-]{16,}+\.[\w-]{16,}+", 66, "a1B2c3D4e5F6g7H8i9J0kL." + "a1B2c3D4" * 6
    ),
    _token("sendinblue_key", "xkeysib- xsmtpsib-", r"[\w-]{60,}+", 81, _HEX),
    _token("sentry_token", "sntrys_ sntryu_", r"[\w+/=-]{40,}+", 64, _HEX),
    _token("settlemint_token", "sm_aat_ sm_pat_ sm_sat_", r"[A-Za-z0-9]{16,}+", 16),
    _token("shippo_token", "shippo_live_ shippo_test_", r"[a-f0-9]{40}", 40, _HEX),
    _token("shopify_token", "shpat_ shpca_ shppa_ shpss_", r"[a-fA-F0-9]{32}", 32, _HEX),
    _token(
        "slack_token",
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xoxe. xapp- xwfp-",
        r"[\w.%-]{10,}+",
        50,
    ),
    _token("sonar_token", "sqp_ squ_ sqa_", r"[a-f0-9]{40}", 40, _HEX),
    _token("sourcegraph_token", "sgp_", r"[\w]{40,}+", 57, _HEX),
    _token("square_token", "sq0atp- sq0csp- sq0idp-", r"[\w-]{22,}+", 22),
    _token("stripe_key", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", r"[A-Za-z0-9]{10,}+", 24),
    _token("supabase_key", "sbp_ sb_secret_", r"[\w-]{30,}+", 40, _HEX),
    _token("tailscale_key", "tskey-", r"[\w-]{20,}+", 40),
    _token("tavily_key", "tvly-", r"[\w-]{24,}+", 36),
    _token("tencent_key_id", "AKID", r"[A-Za-z0-9]{32}", 32),
    _token("twilio_key", "SK", r"[0-9a-f]{32}", 32, _HEX),
    _token("typeform_token", "tfp_", r"[\w.-]{40,}+", 59),
    _token("vault_token", "hvs. hvb. hvr.", r"[\w-]{20,}+", 90),
    _token("vercel_token", "vcp_ vci_ vca_ vcr_ vck_", r"[A-Za-z0-9]{24,}+", 56),
    _token("webhook_signing_secret", "whsec_", r"[A-Za-z0-9+/]{20,}+=*+", 32),
    _token("xai_key", "xai-", r"[A-Za-z0-9]{40,}+", 80),
)
RULES: Final[tuple[Rule, ...]] = (
    rule(
        "azure_client_secret",
        Hints("q~", reach=4),
        r"(?<![\w~.-])[\w~.]{3}\dQ~[\w~.-]{31,}+",
        example="abc8Q~" + sample(34),
        counter_example="faq~1",
    ),
    rule(
        "firebase_key",
        Hints(":apa91b", reach=24),
        r"(?<![\w-])[\w-]{8,24}:APA91b[\w-]{100,}+",
        example="AAAA" + sample(7) + ":APA91b" + sample(134),
        counter_example="x:APA91b",
    ),
    rule(
        "legacy_vault_token",
        "s.",
        r"s\.(?<![\w.-]s\.)(?=[A-Za-z]*[0-9])[A-Za-z0-9]{24}(?![\w.(-])",
        example="token s." + sample(24) + " was used",
        counter_example="s.example.com",
    ),
    rule(
        "telegram_token",
        Hints(":aa", reach=10),
        r"[0-9](?<![0-9].)[0-9]{7,9}:AA[\w-]{32,}+",
        example="12345678:AA" + sample(33),
        counter_example="10:AA",
    ),
    rule(
        "terraform_token",
        Hints(".atlasv1.", reach=14),
        r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}+",
        example=sample(14) + ".atlasv1." + sample(67),
        counter_example="x.atlasv1.y",
    ),
    rule(
        "mailchimp_key",
        Hints("-us", reach=32),
        r"[0-9a-f](?<![0-9A-Za-z].)[0-9a-f]{31}-us[0-9]{1,2}\b",
        example=sample(32, _HEX) + "-us12",
        counter_example="node-us1",
    ),
    rule(
        "discord_token",
        Hints(".", reach=28),
        r"[MNO](?<![A-Za-z0-9_-].)[A-Za-z0-9_-]{23,27}\.[\w-]{6}\.[\w-]{27,}+",
        example="M" + sample(23) + "." + sample(6) + "." + sample(38),
        counter_example="MANIFEST.tar.gz",
    ),
)
