package io.tandem.server.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.impl.HttpServerConnection;

/** Makes requests of other versions than HTTP/1.0 and 1.1 invalid ones; Vert.x would refuse them without a word. */
final class UnknownVersions extends ChannelInboundHandlerAdapter {
    /** Why such a request is invalid. */
    static final class UnknownVersion extends RuntimeException {
        UnknownVersion(HttpVersion version) {
            super(version.text(), null, false, false);
        }
    }

    static void refuse(HttpConnection connection) {
        ChannelHandlerContext handler = ((HttpServerConnection) connection).channelHandlerContext();
        handler.pipeline().addBefore(handler.name(), "versions", new UnknownVersions());
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof HttpRequest request
                && request.decoderResult().isSuccess()
                && !request.protocolVersion().equals(HttpVersion.HTTP_1_0)
                && !request.protocolVersion().equals(HttpVersion.HTTP_1_1)) {
            request.setDecoderResult(DecoderResult.failure(new UnknownVersion(request.protocolVersion())));
            request.setProtocolVersion(HttpVersion.HTTP_1_1);
        }
        context.fireChannelRead(message);
    }
}
