#!/bin/sh
# What an installed environment can do without: services of AWS that nothing calls, tools of onnxruntime for making
# models, and sources beside their bytecode. Bytecode is checked by no clock: nothing writes there afterwards.
set -eu

site=$(find "$1/lib" -maxdepth 2 -name site-packages)
python=$1/bin/python

find "$site" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
if [ -d "$site/botocore/data" ]; then
  find "$site/botocore/data" -mindepth 1 -maxdepth 1 -type d \
    ! -name s3 ! -name sqs ! -name sns ! -name sts ! -name ssm ! -name secretsmanager ! -name dynamodb \
    ! -name apigatewaymanagementapi -exec rm -rf {} +
fi
if [ "${2:-}" = server ]; then
  rm -rf "$site/onnxruntime/transformers" "$site/onnxruntime/tools" "$site/onnxruntime/quantization"
  find "$site" -name __pycache__ -prune -exec rm -rf {} +
  "$python" -m compileall -q -b -j 0 --invalidation-mode unchecked-hash "$site"
  find "$site" \( -name '*.py' -o -name '*.pyi' \) -delete
else
  "$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$site"
fi
