package io.tandem.server.it;

import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.testing.TinyAdapters;
import java.nio.file.Path;

/** What the tests of clients call: the sample model with a chat template that knows tools, and an adapter. */
final class SampleServer {
    static final String MODEL = "sample";
    static final String ADAPTER = "other";
    /** The model answers {@code cold}. */
    static final String QUESTION = "What is the opposite of hot?";
    /** The token that ends an answer; a bias against it makes a long one. */
    static final int END = 1;

    private SampleServer() {}

    static RunningServer start(Path directory) throws Exception {
        Path model = TemplatedModel.write(directory, TemplatedModel.tools("<tool_call>"));
        RunningServer server = RunningServer.start(directory, model);
        new AdapterClient(server, directory)
                .create(ADAPTER, TinyAdapters.filled(ModelConfigReader.read(model), 4, 0.3f, 0.3f));
        return server;
    }

    /** Waits until nothing runs any more, for as long as the test may take. */
    static void awaitIdle(RunningServer server) throws InterruptedException {
        while (server.openRequests() > 0) {
            Thread.sleep(20);
        }
    }
}
