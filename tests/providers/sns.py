"""`aws-sns` against AWS' own sns-validator: a host of tests/flow/sns_test.py has the certificates of both."""
import base64
import json
import os
import shutil
import subprocess

import sns_test

HERE = os.path.dirname(os.path.abspath(__file__))
BOTH = ("1", "2")


def genuine(amazon):
    """(what, message, how the library differs)"""
    for version in BOTH:
        yield "as documented, version " + version, amazon.message(version=version), None
        yield "with a subject, version " + version, amazon.message(version=version, Subject="Pipes"), None
        yield "lines and letters, version " + version, amazon.message(version=version, Message="a\r\n\tété 夏 \\/ 🚰\nMessageId\nx\n"), None
        yield "an empty message, version " + version, amazon.message(version=version, Message=""), None
        yield "a subscription, version " + version, amazon.message("SubscriptionConfirmation", version), None
        yield "an end of it, version " + version, amazon.message("UnsubscribeConfirmation", version), "it leaves out the Token, which SNS signs"
    spaced = json.dumps(json.loads(amazon.message()), indent=2, ensure_ascii=False).encode()
    yield "written in another way", spaced, None


def forged(amazon):
    for version in BOTH:
        def message(kind="Notification", **more):
            return amazon.message(kind, version, **more)
        for name, value in (("Message", "Bye"), ("MessageId", "2"), ("Timestamp", "2026-05-02T00:54:06.656Z"), ("TopicArn", sns_test.TOPIC + "2"),
                            ("Type", "SubscriptionConfirmation"), ("Type", "Other"), ("Subject", "new"), ("Signature", ""), ("Signature", "AAAA"),
                            ("SignatureVersion", "3"), ("SignatureVersion", "1" if version == "2" else "2"),
                            ("SigningCertURL", amazon.url("two")), ("SigningCertURL", amazon.url("one").replace("https", "http")),
                            ("SigningCertURL", amazon.url("one").replace("localhost", "127.0.0.1")), ("SubscribeURL", "https://x/")):
            yield "%s %s, version %s" % (name, value[:24], version), message(after={name: value})
        for name in ("Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature", "SignatureVersion", "SigningCertURL"):
            body = json.loads(message())
            del body[name]
            yield "no %s, version %s" % (name, version), json.dumps(body).encode()
        yield "another token, version " + version, message("SubscriptionConfirmation", after={"Token": "x"})
        yield "another URL to confirm, version " + version, message("SubscriptionConfirmation", after={"SubscribeURL": "https://x/"})
        yield "another topic, signed so, version " + version, message(TopicArn=sns_test.TOPIC + "2")
        yield "a subject of lines, signed so, version " + version, message(Subject="a\nb")
        yield "a token in a notification, version " + version, message(after={"Token": "x"})
        yield "a field twice, version " + version, message()[:-1] + b', "Message": "Hello\\nworld \\u00e9"}'
        yield "no end, version " + version, message()[:-1]


def test(flow, folder, table, post):
    amazon = sns_test.Amazon(flow)
    amazon.publish("two")
    sink = flow.sink()
    penstock = flow.penstock({"sink": sink}, redis=flow.redis(), sources=[amazon.source()], workers=1)
    shutil.copy(os.path.join(HERE, "sns.mjs"), folder)
    node = subprocess.Popen(["node", os.path.join(folder, "sns.mjs"), str(amazon.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env={**os.environ, "NODE_EXTRA_CA_CERTS": amazon.ca.cert, "NODE_NO_WARNINGS": "1"}, text=True)
    flow.parts.append(node.kill)
    row, events = table.row({"name": "aws-sns", "library": "sns-validator@0.3.5"}), []

    def ask(body):
        node.stdin.write(json.dumps(base64.b64encode(body).decode()) + "\n")
        node.stdin.flush()
        return json.loads(node.stdout.readline())

    def penstock_says(body):
        return post(penstock.port, {"method": "POST", "path": "/hooks/s", "headers": [["Content-Type", "text/plain; charset=UTF-8"]],
                                    "body": base64.b64encode(body).decode()})
    for what, body, differs in genuine(amazon):
        library, (status, text) = ask(body), penstock_says(body)
        if not library["accepts"] and differs:
            table.unlike.append("aws-sns: %s (%s)" % (what, differs))
        elif not library["accepts"]:
            table.wrong("aws-sns", what, "the library refuses it: " + library["why"])
        if status == 200:
            row["accepted"] += 1
            events += [body] if b'"Notification"' in body else []
        else:
            table.wrong("aws-sns", what, "Penstock answers %d %s" % (status, text))
    for what, body in forged(amazon):
        library, (status, text) = ask(body), penstock_says(body)
        if library["accepts"]:
            table.looser[what.split(", version")[0]] += 1
        if status == 401 and '"bad_signature"' in text:
            row["refused"] += 1
        else:
            table.wrong("aws-sns", what, "Penstock answers %d %s to what is forged" % (status, text))
    if [r.body for r in sink.wait(len(events))] != events:
        table.wrong("aws-sns", "delivery", "delivered what was not accepted, or changed")
