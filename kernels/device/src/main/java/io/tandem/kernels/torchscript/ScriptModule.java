package io.tandem.kernels.torchscript;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.tensor.TensorScope;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;

/**
 * A compiled TorchScript module whose methods can be called by several threads; it holds no state between calls.
 *
 * <p>The same sources are compiled once in a process, which takes about as long as loading a small model, and stay for
 * its life, as Java's classes do.
 */
public final class ScriptModule {
    private static final String MISSING_OPERATOR = "Unknown builtin op: ";
    private static final Map<Source, ScriptModule> COMPILED = new ConcurrentHashMap<>();

    /** @param texts by path */
    private record Source(String className, Map<String, String> texts) {}

    private final PtSymbolBlock block;

    private ScriptModule(PtSymbolBlock block) {
        this.block = block;
    }

    /**
     * Compiles sources of this project. Builds of libtorch differ in their operators, and nothing compiles that names
     * one that is missing: where that happens, each source {@code x.py} with a stand-in {@code x_absent.py} is replaced
     * by it. A stand-in has the same classes and functions, which throw when they are called.
     *
     * @param className of the module, for example {@code __torch__.tandem.decoder.Decoder}
     * @param sources every file that the module reaches, as a path below {@code src/main/torchscript}
     */
    public static ScriptModule load(String className, List<String> sources) {
        try {
            return load(className, read(sources));
        } catch (KernelException e) {
            if (!String.valueOf(e.getMessage()).contains(MISSING_OPERATOR)) {
                throw e;
            }
            return load(className, read(sources, ScriptModule::orStandIn));
        }
    }

    private static String orStandIn(String source) {
        String standIn = source.replaceFirst("\\.py$", "_absent.py");
        return ScriptArchive.exists(standIn) ? standIn : source;
    }

    /** The text of sources of this project, by path. */
    public static Map<String, String> read(List<String> sources) {
        return read(sources, source -> source);
    }

    private static Map<String, String> read(List<String> sources, UnaryOperator<String> from) {
        Map<String, String> texts = new LinkedHashMap<>();
        sources.forEach(source -> texts.put(source, ScriptArchive.read(from.apply(source))));
        return texts;
    }

    /**
     * Compiles sources.
     *
     * @param className of the module, for example {@code __torch__.tandem.decoder.Decoder}
     * @param sources the text of every file that the module reaches, by its path
     */
    public static ScriptModule load(String className, Map<String, String> sources) {
        return COMPILED.computeIfAbsent(new Source(className, Map.copyOf(sources)), ScriptModule::compile);
    }

    private static ScriptModule compile(Source source) {
        byte[] archive = ScriptArchive.pack(source.className(), source.texts());
        PtNDManager manager = (PtNDManager) Engine.getEngine("PyTorch").newBaseManager(Device.cpu());
        try {
            return new ScriptModule(JniUtils.loadModule(manager, new ByteArrayInputStream(archive), false, false));
        } catch (IOException e) {
            manager.close();
            throw new UncheckedIOException(e);
        } catch (EngineException e) {
            manager.close();
            throw new KernelException("cannot compile " + source.className() + ": " + e.getMessage(), e);
        }
    }

    /**
     * Calls a method in inference mode.
     *
     * @return owned by {@code results}
     * @throws KernelException with the TorchScript file and line where it failed
     */
    public IValue call(TensorScope results, String method, IValue... arguments) {
        // It would compile anew for every shape, and iterations never stop changing shape. Each thread has its own.
        JniUtils.setGraphExecutorOptimize(false);
        try {
            return results.own(IValueUtils.runMethod(block, method, arguments));
        } catch (EngineException e) {
            throw new KernelException(method + " failed: " + e.getMessage(), e);
        }
    }

    /** The module as DJL sees it, for running its {@code forward} with autograd. */
    public PtSymbolBlock block() {
        return block;
    }
}
