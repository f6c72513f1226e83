package io.tandem.server.http;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import java.util.zip.CRC32C;

/** Bytes that never change while the server runs. Browsers keep them, and ask whether they are still the same. */
final class CachedAsset {
    private final String type;
    private final Buffer bytes;
    private final String tag;

    CachedAsset(String type, byte[] bytes) {
        this.type = type;
        this.bytes = Buffer.buffer(bytes);
        CRC32C sum = new CRC32C();
        sum.update(bytes);
        this.tag = "\"%x-%x\"".formatted(bytes.length, sum.getValue());
    }

    void answer(RoutingContext context) {
        context.response().putHeader(HttpHeaders.ETAG, tag).putHeader(HttpHeaders.CACHE_CONTROL, "no-cache");
        String known = context.request().getHeader(HttpHeaders.IF_NONE_MATCH);
        if (known != null && (known.contains(tag) || known.strip().equals("*"))) {
            context.response().setStatusCode(304).end();
        } else {
            context.response().putHeader(HttpHeaders.CONTENT_TYPE, type).end(bytes);
        }
    }
}
