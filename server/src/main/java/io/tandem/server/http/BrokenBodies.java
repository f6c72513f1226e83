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
    /** Requests whose head was read; those before the last one have their whole body. */
    private int read;
    /** Requests whose turn has come. A pipelined one waits until those before it are answered. */
    private int begun;

    private boolean broken;

    static void refuse(HttpConnection connection) {
        ChannelHandlerContext handler = handler(connection);
        handler.pipeline().addBefore(handler.name(), "bodies", new BrokenBodies());
    }

    /**
     * A request's turn has come on its connection.
     *
     * @return whether it is refused at once
     */
    static boolean begins(HttpServerRequest request) {
        BrokenBodies bodies = handler(request.connection()).pipeline().get(BrokenBodies.class);
        return bodies != null && bodies.next(request);
    }

    private static ChannelHandlerContext handler(HttpConnection connection) {
        return ((HttpServerConnection) connection).channelHandlerContext();
    }

    private boolean next(HttpServerRequest request) {
        begun++;
        current = request;
        boolean refused = broken && begun == read;
        if (refused) {
            answer(request);
        }
        return refused;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        HttpServerRequest request = current;
        if (message instanceof HttpRequest) {
            read++;
        } else if (message instanceof HttpContent content
                && content.decoderResult().isFailure()) {
            ReferenceCountUtil.release(message);
            broken = true;
            if (request != null && begun == read) {
                // Vert.x defers what is written during a read until the read is complete.
                context.executor().execute(() -> answer(request));
            }
            return;
        }
        context.fireChannelRead(message);
    }

    private static void answer(HttpServerRequest request) {
        ErrorMapper.answerAndClose(
                request,
                ErrorMapper.wrong(
                        400, "broken_body", "The body ends early: a chunk size or a trailer is not valid HTTP."));
    }
}
