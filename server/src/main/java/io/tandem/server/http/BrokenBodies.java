package io.tandem.server.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.util.ReferenceCountUtil;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.impl.HttpServerConnection;
import org.jspecify.annotations.Nullable;

/**
 * Refuses bodies with invalid framing, such as a chunk whose size is not a number. Vert.x would close the connection
 * without an answer, and the exception that readers of the body get would be logged as a failure of the server.
 */
final class BrokenBodies extends ChannelInboundHandlerAdapter {
    private @Nullable HttpServerRequest current;

    static void refuse(HttpConnection connection) {
        ChannelHandlerContext handler = handler(connection);
        handler.pipeline().addBefore(handler.name(), "bodies", new BrokenBodies());
    }

    /** A request has begun on a connection. */
    static void begins(HttpServerRequest request) {
        BrokenBodies bodies = handler(request.connection()).pipeline().get(BrokenBodies.class);
        if (bodies != null) {
            bodies.current = request;
        }
    }

    private static ChannelHandlerContext handler(HttpConnection connection) {
        return ((HttpServerConnection) connection).channelHandlerContext();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        HttpServerRequest request = current;
        boolean broken = message instanceof HttpContent content
                && !(message instanceof HttpRequest)
                && content.decoderResult().isFailure();
        // If this request's body is complete, the broken one belongs to a later request, whose turn never comes.
        if (broken && request != null && !request.isEnded()) {
            ReferenceCountUtil.release(message);
            // Vert.x defers what is written during a read until the read is complete.
            context.executor()
                    .execute(() -> ErrorMapper.answerAndClose(
                            request,
                            ErrorMapper.wrong(
                                    400,
                                    "broken_body",
                                    "The body ends early: a chunk size or a trailer is not valid HTTP.")));
            return;
        }
        context.fireChannelRead(message);
    }
}
