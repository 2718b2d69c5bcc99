"""The wire protocol: messages, refusal reasons, market terms and the codec. Pure."""
