# The book in a container: docker build --tag strata . && docker run strata run --profile quick
# Results last in volumes:  docker run -v store:/store -v built:/strata/_build strata run
# The full profile's too:   docker run ... -v results:/strata/book/executed strata run --profile full
# To build the pages:       docker run -v store:/store -v built:/strata/_build strata build
# To look at the pages:     docker run -p 8000:8000 -v built:/strata/_build strata serve --address 0.0.0.0
# pip takes its settings from the build: --build-arg PIP_EXTRA_INDEX_URL=... chooses a CPU build of torch.
# What executes here has no commit in its record, as the checkout stays outside.
FROM python:3.11-slim
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
WORKDIR /strata
RUN useradd --create-home reader \
    && mkdir /store /strata/_build \
    && chown reader /store /strata /strata/_build
COPY pyproject.toml README.md LICENSE* constraints*.txt ./
COPY src src
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[cluster]'
COPY _config.yml _toc.yml Snakefile ./
COPY profiles profiles
COPY notebooks notebooks
COPY --chown=reader book book
ENV STRATA_STORE=/store
USER reader
EXPOSE 8000
ENTRYPOINT ["strata"]
CMD ["--help"]
